// Changes an input at random: the same changes on every machine for the same seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace unionroot::fuzz {

class Mutation {
 public:
  // words: of the dictionary; may be empty.
  Mutation(std::uint32_t seed, std::vector<std::string> words) : random_(seed), words_(std::move(words)) {}

  // One of the inputs, with one to four changes, most often one. inputs: not empty.
  std::string next(const std::vector<std::string>& inputs);

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  void change(std::string& text, const std::vector<std::string>& inputs);
  void change_number(std::string& text);

  std::mt19937 random_;
  std::vector<std::string> words_;
};

}  // namespace unionroot::fuzz
