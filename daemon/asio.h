// Boost.Asio. Always include this file: version 1.74 uses std::exchange without including <utility>.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <utility>

namespace unionroot::daemon {
namespace asio = boost::asio;
using AsioError = boost::system::error_code;
}  // namespace unionroot::daemon
