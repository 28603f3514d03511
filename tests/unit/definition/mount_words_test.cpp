#include "definition/mount_words.h"

#include <sys/mount.h>

#include <catch2/catch.hpp>

#include "base/text.h"
#include "definition/definition.h"

using namespace unionroot;
using definition::MountWords;
using definition::parse_mount_words;

TEST_CASE("mount options alone, and as words of mount(8)") {
  for (const char* text : {"noatime,commit=30,ro", "-o noatime,commit=30 -o ro", "-onoatime -o\tcommit=30,,ro ",
                           "-o defaults,noatime,commit=30,ro,x-a.b=c,nofail"}) {
    INFO(text);
    MountWords words;
    CHECK(parse_mount_words(text, words).empty());
    CHECK(words.read_only);
    CHECK(words.attributes == MOUNT_ATTR_NOATIME);
    CHECK(words.options == std::vector<std::pair<std::string, std::string>>{{"commit", "30"}});
    CHECK(words.type.empty());
  }
  MountWords words;
  CHECK(parse_mount_words("-t ext4 -o nosuid,suid,nodev", words).empty());
  CHECK(words.type == "ext4");
  CHECK(words.attributes == MOUNT_ATTR_NODEV);
  CHECK(parse_mount_words("", words).empty());
}

TEST_CASE("what has no place among mount options") {
  const std::pair<const char*, const char*> cases[] = {{"-v", "'-v' is not an option"},
                                                       {"--bind", "not an option of mount(8)"},
                                                       {"-o", "a word is missing after '-o'"},
                                                       {"noatime -t", "missing after"},
                                                       {"bind", "'bind' is not allowed"},
                                                       {"offset=512", "'offset' is not allowed"},
                                                       {"-o remount,rw", "'remount' is not allowed"},
                                                       {"=x", "'=x' is not a mount option"},
                                                       {"noatime=", "'noatime=' has no value"},
                                                       {"a\nb,=", "is not a mount option"}};
  for (const auto& [text, expected] : cases) {
    INFO(text);
    MountWords words;
    CHECK_THAT(parse_mount_words(text, words), Catch::Contains(expected));
  }
}
