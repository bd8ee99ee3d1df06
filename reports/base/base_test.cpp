#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/names.h"
#include "reports/base/toml_reader.h"

namespace assay {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& failure) {
    EXPECT_EQ(failure.status(), ExitStatus::bad_input);
    return failure.what();
  }
  return "no error";
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("assay-base-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Error, SaysWhereWhatAndNext) {
  const Error error = bad_input("unknown key 'lauches'", "did you mean 'launches'?", {"plan.toml", 7, 3});
  EXPECT_STREQ(error.what(), "plan.toml:7:3: unknown key 'lauches'; did you mean 'launches'?");
  EXPECT_EQ(error.status(), ExitStatus::bad_input);
}

TEST(Names, NearestFindsTyposAndRefusesStrangers) {
  const std::vector<std::string> known{"compute/gemm", "collectives/allreduce", "memory/stream"};
  EXPECT_EQ(nearest_name("compute/gem", known), "compute/gemm");
  EXPECT_EQ(nearest_name("colectives/allreduce", known), "collectives/allreduce");
  EXPECT_EQ(nearest_name("cmopute/gemm", known), "compute/gemm");  // neighbours swapped: one edit
  EXPECT_EQ(nearest_name("io/random", known), std::nullopt);
  EXPECT_EQ(suggest("nothing", {"a", "b"}), "known: a, b");
}

TEST(Files, Sha256OfTheStandardsExample) {
  // FIPS 180-4 example: "abc".
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Files, WriteReplacesAndAppendGrows) {
  const Folder folder;
  const auto file = folder.path() / "a";
  write_file(file, "one");
  write_file(file, "two\n");
  EXPECT_EQ(read_file(file), "two\n");
  AppendFile grow(file);
  grow.append("three\n");
  EXPECT_EQ(read_file(file), "two\nthree\n");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}),
            1);  // no temporary is left
}

TEST(Files, ADirectoryOrAMissingFileIsAnError) {
  const Folder folder;
  EXPECT_NE(message_of([&] { read_file(folder.path() / "none"); }).find("No such file"), std::string::npos);
  EXPECT_NE(message_of([&] { read_file(folder.path()); }).find("cannot read"), std::string::npos);
}

TEST(Files, AFullDiskKeepsWhatWasWritten) {
  const Folder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0)
    GTEST_SKIP() << "may not mount here";
  const auto file = folder.path() / "records";
  {
    AppendFile grow(file);
    grow.append("first\n");
    EXPECT_THROW(grow.append(std::string(1 << 20, 'x')), Error);
    EXPECT_EQ(read_file(file), "first\n");
    try {
      write_file(folder.path() / "other", std::string(1 << 20, 'x'));
      ADD_FAILURE() << "a full disk went unnoticed";
    } catch (const Error& failure) {
      EXPECT_EQ(failure.status(), ExitStatus::cannot_run);
      EXPECT_NE(std::string(failure.what()).find("No space left"), std::string::npos);
    }
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "other"));
  }
  ::umount(folder.path().c_str());
}

TEST(Toml, UnknownKeysAreNamedWithTheirPlaceAndTheNearestRightOne) {
  TomlTable table = TomlTable::parse("launches = 3\nlaunchs = 4\n", "plan.toml");
  table.integer("launches");
  EXPECT_EQ(message_of([&] { table.finish(); }),
            "plan.toml:2:1: unknown key 'launchs' (what it was meant to say would be lost); did you mean "
            "'launches'?");
}

TEST(Toml, SyntaxErrorsHaveLineAndColumn) {
  const std::string text = message_of([] { TomlTable::parse("a = 1\nb = = 2\n", "t.toml"); });
  EXPECT_EQ(text.rfind("t.toml:2:", 0), 0U) << text;
}

TEST(Toml, WrongTypesSayWhatWasExpected) {
  TomlTable table = TomlTable::parse("n = \"x\"\nlist = []\nmixed = [[1]]\n", "t.toml");
  EXPECT_NE(message_of([&] { table.integer("n"); }).find("t.toml:1:5: 'n' is a text; expected an integer"),
            std::string::npos);
  EXPECT_NE(message_of([&] { table.scalars("list"); }).find("empty list"), std::string::npos);
  EXPECT_NE(message_of([&] { table.scalars("mixed"); }).find("plain values"), std::string::npos);
  EXPECT_NE(message_of([&] { table.required_string("name"); }).find("'name' is missing"), std::string::npos);
}

}  // namespace
}  // namespace assay
