// What is passed on to libarchive: the archive as it is, but for one more record in each extended header.
#include <algorithm>

#include "archive/raw_names.h"
#include "fuzz.h"
#include "tar_headers.h"

namespace unionroot::fuzz {

namespace {

constexpr std::size_t block = 512;

std::string passed_on(std::string_view archive) {
  archive::detail::RawNames names([&](char* data, std::size_t wanted) {
    const auto part = archive.substr(0, std::min(wanted, archive.size()));
    std::copy(part.begin(), part.end(), data);
    archive.remove_prefix(part.size());
    return part.size();
  });
  std::string all;
  for (auto piece = names.next(); !piece.empty(); piece = names.next()) all += piece;
  // A piece that ends within a block is taken for the end.
  if (planted && all.size() % block != 0 && all.size() > 2 * block) all.resize(all.size() / block * block);
  return all;
}

}  // namespace

void run(std::string_view input) {
  const auto archive = with_right_sums(input);
  const auto all = passed_on(archive);
  require(all.size() >= archive.size(), "nothing is taken away");
  require((all.size() - archive.size()) % block == 0, "whole blocks are added");
  bool extended = false;
  for (std::size_t at = 156; at < archive.size(); at += block) extended |= archive[at] == 'x';
  require(extended || all == archive, "an archive without extended headers stays as it is");
  require(all.size() == archive.size() || all.find("hdrcharset=BINARY\n") != all.npos,
          "what is added is the character set of names");
}

}  // namespace unionroot::fuzz
