// What is in the store of a session's stages, as this and former versions wrote it.
#include "session/journal.h"

#include <catch2/catch.hpp>

using namespace unionroot;
using session::stage_data;
using session::StageEntry;
using store::StageState;

namespace {

const std::vector<std::string_view> order{"provide-tree", "source", "union", "hooks"};

session::StageData read(const std::string& stage, const std::string& data) {
  const auto entries = session::stages_from_records({{9, stage, StageState::done, data}}, order);
  REQUIRE(entries.size() == 1);
  return entries.front().data;
}

std::string written(session::StageData data) {
  return session::stage_to_record({0, "x", StageState::done, std::move(data)}).data;
}

}  // namespace

TEST_CASE("what a former version wrote of its stages is understood") {
  CHECK(stage_data<session::TreeData>(read("block-device", R"({"mount":"own.s"})")).mount == "own.s");
  CHECK(stage_data<session::TreeData>(read("block-device", R"({"cache":"file-1"})")).cache_keys == "file-1");
  CHECK(stage_data<session::TreeData>(read("block-device", R"({"never-ran":"yes"})")).never_ran);
  CHECK_FALSE(stage_data<session::TreeData>(read("block-device", R"({"layers":"3"})")).never_ran);
  const auto layer = stage_data<session::UnionData>(read("union", R"({"backing":"directory","files-layer":"sid-x"})"));
  CHECK(layer.backing == "directory");
  CHECK(layer.files_layer == "sid-x");
  CHECK(stage_data<session::HooksData>(read("hooks", R"({"never-ran":"yes"})")).never_ran);
}

TEST_CASE("a stage's data is written as a former version reads it") {
  CHECK(written({}) == "{}");
  CHECK(written(session::TreeData{}) == "{}");
  CHECK(written(session::TreeData{"own.s", "ext4 u", "", "file-1", true, true}) ==
        R"({"cache":"file-1","content":"ext4 u","mount":"own.s","never-ran":"yes","untouched":"yes"})");
  const session::TreeData trees{"", "", "folder=/srv\ninode=2\n\n", "", false, false};
  CHECK(written(trees) == R"({"trees":"folder=/srv\ninode=2\n\n"})");
  CHECK(stage_data<session::TreeData>(read("provide-tree", written(trees))).trees == trees.trees);
  CHECK(written(session::UnionData{"image", "", false}) == R"({"backing":"image"})");
  CHECK(written(session::HooksData{true}) == R"({"never-ran":"yes"})");
}

TEST_CASE("what cannot be read is nothing, and a stage that is not known is left out") {
  for (const char* text : {"", "{", "[]", "null", R"({"mount":1})"})
    CHECK(stage_data<session::TreeData>(read("provide-tree", text)).mount.empty());
  CHECK(session::stages_from_records({{0, "gone", StageState::done, "{}"}}, order).empty());
}

TEST_CASE("stages get the positions that they have now") {
  const auto entries = session::stages_from_records(
      {{5, "union", StageState::starting, "{}"}, {1, "block-device", StageState::done, "{}"}}, order);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].name == "provide-tree");
  CHECK(entries[0].position == 0);
  CHECK(entries[0].state == StageState::done);
  CHECK(entries[1].position == 2);
  CHECK(entries[1].state == StageState::starting);
}
