// The mount table of a process, as proc(5) has it.
#include "kernel/mountinfo.h"

#include "base/text.h"
#include "fuzz.h"

namespace unionroot::fuzz {

namespace {

std::vector<kernel::MountEntry> parse(std::string_view text) {
  auto entries = kernel::parse_mountinfo(text);
  if (planted)
    for (auto& entry : entries)
      if (entry.propagation.size() > 2) entry.propagation.pop_back();
  return entries;
}

// As the kernel does it: seq_path() with " \t\n\\".
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\n' && c != '\\') {
      out.push_back(c);
      continue;
    }
    out.push_back('\\');
    for (const int shift : {6, 3, 0}) out.push_back(static_cast<char>('0' + ((c >> shift) & 7)));
  }
  return out;
}

std::string written(const kernel::MountEntry& entry) {
  std::string propagation;
  for (const auto& word : entry.propagation) propagation += " " + word;
  return base::concat(entry.id, " ", entry.parent, " ", entry.device, " ", escaped(entry.root), " ",
                      escaped(entry.target), " ", entry.options, propagation, " - ", entry.type, " ",
                      escaped(entry.source), " ", entry.super_options, "\n");
}

}  // namespace

void run(std::string_view input) {
  std::vector<kernel::MountEntry> entries;
  try {
    entries = parse(input);
  } catch (const base::Error& refusal) {
    return require_showable(refusal);
  }
  const auto lines = base::split(input, '\n');
  require(lines.size() == entries.size(), "each line is a mount");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto again = kernel::parse_mountinfo(written(entries[i]));
    require(again.size() == 1 && again[0] == entries[i], "a mount is read as it was written", lines[i]);
    const auto words = base::split(lines[i], ' ', true);
    const auto dash = 6 + entries[i].propagation.size();
    require(dash < words.size() && words[dash] == "-", "no word of a line is lost", lines[i]);
  }
}

}  // namespace unionroot::fuzz
