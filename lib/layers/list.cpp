#include "layers/list.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace unionroot::layers {

namespace {

std::string type_of(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "folder";
    case S_IFLNK: return "link";
    case S_IFCHR: return "character-device";
    case S_IFBLK: return "block-device";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    default: return "unknown";
  }
}

// "file 420 0 0 12 1 1764500000.000000012 0", all numbers decimal; empty: no facts.
std::string text_of(const std::optional<Facts>& facts) {
  if (!facts) return {};
  auto fraction = std::to_string(facts->nanoseconds);
  fraction.insert(0, 9 - std::min<std::size_t>(fraction.size(), 9), '0');
  return base::concat(type_of(facts->mode), " ", facts->mode & 07777, " ", facts->uid, " ", facts->gid, " ",
                      facts->size, " ", facts->links, " ", facts->seconds, ".", fraction, " ", facts->device);
}

std::string differences_text(unsigned differences) {
  constexpr std::array<std::pair<unsigned, std::string_view>, 6> names{{{content_differs, "content"},
                                                                        {mode_differs, "mode"},
                                                                        {owner_differs, "owner"},
                                                                        {time_differs, "time"},
                                                                        {attributes_differ, "attributes"},
                                                                        {links_differ, "links"}}};
  std::string text;
  for (const auto& [bit, name] : names)
    if ((differences & bit) != 0) text += base::concat(text.empty() ? "" : ",", name);
  return text;
}

template <typename... Texts>
std::string terminated(const Texts&... texts) {
  std::string all;
  ((all.append(texts), all.push_back('\0')), ...);
  return all;
}

}  // namespace

std::string as_texts(const Change& change) {
  return terminated(std::string(1, static_cast<char>(change.kind)), change.path, change.former,
                    differences_text(change.differences), std::to_string(change.link_group), text_of(change.before),
                    text_of(change.now));
}

std::string end_of_list() { return terminated(std::string("."), "", "", "", "", "", ""); }

std::string failure_of_list(const std::string& why) { return terminated(std::string("!"), why, "", "", "", "", ""); }

}  // namespace unionroot::layers
