#include "suites/training/support/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>

#include "reports/base/error.h"
#include "suites/training/support/damaged_files.h"
#include "suites/training/support/generator.h"
#include "suites/training/support/temporary_folder.h"

namespace assay::training {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ShardFiles : public testing::Test {
 protected:
  std::vector<std::int32_t> read(const Shard& shard, std::int64_t first, std::size_t count) {
    std::vector<std::int32_t> tokens(count);
    shard.read(first, tokens, scratch_);
    return tokens;
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_.file("tokens");
  std::vector<std::int32_t> tokens_{5, 0, 99, 7, 42};
  std::vector<std::uint16_t> scratch_;
};

TEST_F(ShardFiles, WhatWasWrittenIsReadBack) {
  write_shard(path_, tokens_, 100, {.seed = 12, .number = 3});
  const Shard shard(path_, 100);
  EXPECT_EQ(shard.tokens(), 5);
  EXPECT_EQ(shard.vocabulary(), 100);
  EXPECT_EQ(shard.label().seed, 12U);
  EXPECT_EQ(shard.label().number, 3U);
  EXPECT_EQ(shard.bytes_per_token(), 2);
  EXPECT_EQ(fs::file_size(path_), 64U + 10U);
  EXPECT_THAT(read(shard, 1, 3), ElementsAre(0, 99, 7));
  shard.verify();
}

TEST_F(ShardFiles, LargeVocabulariesTakeFourBytesAToken) {
  tokens_.push_back(128255);
  write_shard(path_, tokens_, 128256, {});
  const Shard shard(path_, 128256);
  EXPECT_EQ(shard.bytes_per_token(), 4);
  EXPECT_EQ(read(shard, 0, 6), tokens_);
  shard.verify();
  // 65536 tokens still fit into two bytes.
  write_shard(path_, std::vector<std::int32_t>{65535}, 65536, {});
  EXPECT_THAT(read(Shard(path_, 65536), 0, 1), ElementsAre(65535));
  EXPECT_EQ(Shard(path_, 65536).bytes_per_token(), 2);
}

TEST_F(ShardFiles, MissingTruncatedAndForeignFilesAreRefused) {
  EXPECT_THAT(message([&] { Shard(path_, 100); }), AllOf(HasSubstr("tokens"), HasSubstr("No such file")));
  write_shard(path_, tokens_, 100, {});
  fs::resize_file(path_, 71);
  EXPECT_THAT(
      message([&] { Shard(path_, 100); }),
      AllOf(HasSubstr("is truncated"), HasSubstr("5 tokens of 2 bytes make 74 bytes"), HasSubstr("has 71")));
  fs::resize_file(path_, 80);
  EXPECT_THAT(message([&] { Shard(path_, 100); }), HasSubstr("too long"));
  fs::resize_file(path_, 63);
  EXPECT_THAT(message([&] { Shard(path_, 100); }), HasSubstr("63 bytes, less than its header of 64"));
  std::ofstream(path_) << std::string(200, 'x');
  EXPECT_THAT(message([&] { Shard(path_, 100); }), HasSubstr("no shard of tokens"));
}

TEST_F(ShardFiles, AVocabularyThatDoesNotFitIsRefusedWithBothNumbers) {
  write_shard(path_, tokens_, 100, {});
  EXPECT_THAT(
      message([&] { Shard(path_, 99); }),
      AllOf(HasSubstr("vocabulary of 100"), HasSubstr("one of 99"), HasSubstr("vocabulary = 100 or more")));
  EXPECT_THAT(message([&] { write_shard(path_, tokens_, 99, {}); }), HasSubstr("token 99 is outside"));
}

TEST_F(ShardFiles, TokensBeyondTheirOwnVocabularyAreFound) {
  write_shard(path_, tokens_, 100, {});
  // A header that says 50, and is right about it: the writer counted wrongly.
  std::array<std::uint64_t, 8> words{};
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.read(reinterpret_cast<char*>(words.data()), sizeof words);
  words[2] = 50;
  words[7] = golden;
  for (std::size_t i = 0; i < 7; ++i) words[7] = mixed(words[7] ^ words[i]);
  file.seekp(0);
  file.write(reinterpret_cast<const char*>(words.data()), sizeof words);
  file.close();
  const Shard shard(path_, 50);
  EXPECT_THAT(read(shard, 0, 2), ElementsAre(5, 0));
  EXPECT_THAT(message([&] { shard.verify(); }),
              AllOf(HasSubstr("tokens"), HasSubstr("the token 99"), HasSubstr("its vocabulary of 50")));
  EXPECT_THAT(message([&] { read(shard, 2, 2); }), HasSubstr("near place 2"));
}

TEST_F(ShardFiles, EveryChangedByteIsFound) {
  write_shard(path_, tokens_, 100, {});
  for (int offset = 0; offset < 74; ++offset) {
    change_byte(path_, offset);
    EXPECT_THROW(Shard(path_, 100).verify(), Error) << "byte " << offset;
    change_byte(path_, offset);
  }
  Shard(path_, 100).verify();
}

TEST_F(ShardFiles, ExchangedTokensChangeTheChecksum) {
  const std::vector<std::int32_t> exchanged{0, 5, 99, 7, 42};
  EXPECT_NE(checksum_of(tokens_), checksum_of(exchanged));
  const std::vector<std::int32_t> shorter{5, 0, 99, 7};
  EXPECT_NE(checksum_of(tokens_), checksum_of(shorter));
}

TEST_F(ShardFiles, AFileThatShrinksWhileItIsReadIsFound) {
  write_shard(path_, tokens_, 100, {});
  const Shard shard(path_, 100);
  fs::resize_file(path_, 70);
  EXPECT_THAT(read(shard, 0, 3), ElementsAre(5, 0, 99));
  EXPECT_THAT(message([&] { read(shard, 2, 3); }),
              AllOf(HasSubstr("become shorter"), HasSubstr("tokens 2 to 5 of 5")));
}

}  // namespace
}  // namespace assay::training
