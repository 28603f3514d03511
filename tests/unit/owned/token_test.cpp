#include "owned/token.h"

#include <catch2/catch.hpp>

using namespace unionroot;
using owned::parse_token;
using owned::Token;

namespace {
const Token sample{"0123456789abcdef", 1'764'400'000'123'456, "sid-1.x_Y"};
const std::string sample_text = "1.0123456789abcdef.1764400000123456.sid-1.x_Y";
}  // namespace

TEST_CASE("a token and its text") {
  CHECK(sample.text() == sample_text);
  CHECK(parse_token(sample_text) == sample);
  CHECK(owned::unfinished_name(sample) == ".unionroot-" + sample_text);
  CHECK(owned::token_of_unfinished(".unionroot-" + sample_text) == sample);
  CHECK_FALSE(owned::token_of_unfinished(sample_text));
  CHECK_FALSE(owned::token_of_unfinished(".unionroot-trash"));
  CHECK_FALSE(owned::token_of_unfinished(".unionroot-orphans"));
}

TEST_CASE("the longest token fits into a file's name") {
  const Token longest{"ffffffffffffffff", 99'999'999'999'999'999, std::string(200, 'a')};
  CHECK(owned::unfinished_name(longest).size() <= 255);
  CHECK(owned::token_of_unfinished(owned::unfinished_name(longest)) == longest);
}

TEST_CASE("another session, daemon or time is another token") {
  for (const auto& other :
       {Token{"0123456789abcdee", sample.created, sample.session},
        Token{sample.daemon, sample.created + 1, sample.session}, Token{sample.daemon, sample.created, "sid-1.x_Z"}}) {
    CHECK_FALSE(other == sample);
    CHECK_FALSE(parse_token(other.text()) == sample);
    CHECK(parse_token(other.text()) == other);
  }
}

TEST_CASE("a truncated token is none") {
  // The last part is a name, and may be shorter: that is the token of another session.
  const auto session = sample_text.rfind("sid-1");
  for (std::size_t size = 0; size <= session; ++size) {
    INFO(sample_text.substr(0, size));
    CHECK_FALSE(parse_token(sample_text.substr(0, size)));
  }
  for (std::size_t size = session + 1; size < sample_text.size(); ++size)
    CHECK_FALSE(parse_token(sample_text.substr(0, size)) == sample);
}

TEST_CASE("what is no token") {
  using namespace std::string_literals;
  for (const auto& text : {
           "2.0123456789abcdef.1764400000123456.sid-1"s,     // a later version
           "0123456789abcdef.1764400000123456.sid-1"s,       // none
           "1.0123456789ABCDEF.1764400000123456.sid-1"s,     // not as we write it
           "1.0123456789abcdeg.1764400000123456.sid-1"s,     // no hexadecimal digit
           "1.0123456789abcde.1764400000123456.sid-1"s,      // a digit less
           "1.0123456789abcdef0.1764400000123456.sid-1"s,    // a digit more
           "1.0123456789abcdef..sid-1"s,                     // no time
           "1.0123456789abcdef.0.sid-1"s,                    //
           "1.0123456789abcdef.01764400000123456.sid-1"s,    // not as we write it
           "1.0123456789abcdef.-764400000123456.sid-1"s,     //
           "1.0123456789abcdef.1764400000123456789.sid"s,    // does not fit
           "1.0123456789abcdef.1764400000123456."s,          // no session
           "1.0123456789abcdef.1764400000123456..sid"s,      // no name of a session
           "1.0123456789abcdef.1764400000123456./sid"s,      //
           "1.0123456789abcdef.1764400000123456.a/b"s,       //
           "1.0123456789abcdef.1764400000123456.a\n"s,       // control characters
           "1.0123456789abcdef.1764400000123456.a\x1b[2J"s,  //
           "1.0123456789abcdef.1764400000123456.a\0"s,       //
           " 1.0123456789abcdef.1764400000123456.a"s,        //
           "1.0123456789abcdef.1764400000123456."s + std::string(201, 'a'),
           "/var/lib/unionroot"s,  // what a former version wrote
       }) {
    INFO(text);
    CHECK_FALSE(parse_token(text));
  }
}
