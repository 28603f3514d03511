// The options of an overlay for mount(2): what overlayfs makes of them is what was meant.
#include <optional>

#include "base/text.h"
#include "fuzz.h"
#include "input.h"
#include "mount/visit.h"

namespace unionroot::fuzz {

namespace {

struct Wanted {
  std::size_t lowers = 0;
  std::string upper, work;
  std::vector<std::pair<std::string, std::string>> options;
  bool is_volatile = false;
};

std::string data_of(const Wanted& wanted) {
  auto data = mount::overlay_data(wanted.lowers, wanted.upper, wanted.work, wanted.options, wanted.is_volatile);
  if (!planted || wanted.upper.find('=') == std::string::npos || !wanted.is_volatile) return data;
  return data.substr(0, data.rfind(",volatile"));
}

// As fs/overlayfs/super.c takes options apart: a comma ends one, unless a backslash is before it.
std::vector<std::string> taken_apart(std::string_view data) {
  std::vector<std::string> options(1);
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] == '\\' && i + 1 < data.size())
      options.back().push_back(data[++i]);
    else if (data[i] == ',')
      options.emplace_back();
    else
      options.back().push_back(data[i]);
  }
  return options;
}

}  // namespace

void run(std::string_view input) {
  Input bytes(input);
  Wanted wanted;
  wanted.lowers = bytes.number<std::uint16_t>();
  wanted.is_volatile = bytes.number() % 2 == 1;
  wanted.upper = bytes.text();
  wanted.work = bytes.text();
  while (!bytes.empty() && wanted.options.size() < 8) {
    std::string key(bytes.text()), value(bytes.text());
    wanted.options.emplace_back(std::move(key), std::move(value));
  }
  std::string data;
  try {
    data = data_of(wanted);
  } catch (const base::Error& refusal) {
    return require_showable(refusal);
  }
  require(data.size() < 4096, "mount(2) takes the options", data);
  std::vector<std::string> expected{"lowerdir="};
  for (std::size_t i = 0; i < wanted.lowers; ++i) expected[0] += (i == 0 ? "" : ":") + std::to_string(i);
  if (!wanted.upper.empty()) {
    expected.push_back("upperdir=/store/" + wanted.upper);
    expected.push_back("workdir=/store/" + wanted.work);
  }
  for (const auto& [key, value] : wanted.options) expected.push_back(value.empty() ? key : key + "=" + value);
  if (wanted.is_volatile) expected.emplace_back("volatile");
  require(taken_apart(data) == expected, "overlayfs gets the options that were meant", data);
}

}  // namespace unionroot::fuzz
