#include "suites/training/support/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "suites/io/support/file_size_limit.h"
#include "suites/training/support/damaged_files.h"
#include "suites/training/support/fingerprint.h"
#include "suites/training/support/sealed_text.h"
#include "suites/training/support/temporary_folder.h"

namespace assay::training {
namespace {

namespace fs = std::filesystem;
using device::Element;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

CheckpointIdentity identity(Element element) {
  CheckpointIdentity identity;
  identity.shape = preset("tiny", {.layers = 2,
                                   .width = 24,
                                   .heads = 4,
                                   .kv_heads = 0,
                                   .feed_forward = 0,
                                   .sequence = 10,
                                   .positions = 0,
                                   .vocabulary = 67});
  identity.layout.micro_batch = 2;
  identity.layout.global_batch = 4;
  identity.element = element;
  identity.optimizer.rate = 0.01;
  identity.seed = 5;
  return identity;
}

/// A training on one rank, of tokens in closed form.
class SmallTraining {
 public:
  explicit SmallTraining(const CheckpointIdentity& identity)
      : identity_(identity), operators_(device::host_operators(identity.element, 1)) {
    trainer_ = std::make_unique<Trainer>(alone_, identity.shape, identity.layout,
                                         Workplace{device::host(), *operators_}, identity.optimizer,
                                         [] { return 0.0; });
    trainer_->initialise(identity.seed);
  }

  StepFingerprint step() {
    const auto rows = static_cast<std::size_t>(identity_.layout.rows(identity_.shape));
    std::vector<std::int32_t> tokens(rows + 1);
    const StepResult result = trainer_->step([&](std::int64_t micro_batch) {
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::int64_t place =
            100 * trainer_->steps() + 10 * micro_batch + static_cast<std::int64_t>(i * i);
        tokens[i] = static_cast<std::int32_t>(place % identity_.shape.vocabulary);
      }
      return MicroBatch{tokens.data(), tokens.data() + 1};
    });
    return {trainer_->steps(), result.loss, result.gradient_norm, trainer_->checksum()};
  }

  Trainer& trainer() { return *trainer_; }
  std::string state() {
    std::string bytes;
    for (const StateBlock& block : trainer_->state())
      bytes.append(reinterpret_cast<const char*>(block.begin), block.bytes);
    return bytes;
  }

 private:
  const CheckpointIdentity identity_;
  bench::ProcessGroup alone_;
  std::unique_ptr<device::Operators> operators_;
  std::unique_ptr<Trainer> trainer_;
};

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { fs::create_directory(folder_); }

  Checkpoints checkpoints(const CheckpointIdentity& identity) const { return {alone_, folder_, identity}; }
  fs::path file(std::int64_t step) const {
    return folder_ / ("step-000000000" + std::to_string(step) + ".rank-00000");
  }
  fs::path manifest(std::int64_t step) const {
    return folder_ / ("step-000000000" + std::to_string(step) + ".complete");
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  /// What restoring answers; the state must be what it was before.
  std::string refusal(SmallTraining& run, const CheckpointIdentity& identity, std::int64_t step) const {
    const std::string before = run.state();
    const std::string words = message([&] { checkpoints(identity).restore(step, run.trainer().state()); });
    EXPECT_TRUE(run.state() == before) << words;
    return words;
  }

  TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.file("checkpoints");
  bench::ProcessGroup alone_;
};

TEST_F(CheckpointTest, AnotherTrainerGoesOnBitForBit) {
  for (const Element element : {Element::f32, Element::f64, Element::bf16}) {
    if (!device::host().gemm_unsupported(element).empty()) continue;  // bf16 needs instructions for it
    CheckpointIdentity own = identity(element);
    SmallTraining first(own);
    for (int i = 0; i < 3; ++i) first.step();
    checkpoints(own).save(3, first.trainer().state());
    EXPECT_EQ(checkpoints(own).latest(), 3);
    std::vector<StepFingerprint> later;
    for (int i = 0; i < 3; ++i) later.push_back(first.step());

    SmallTraining second(own);
    second.step();  // so that what is not restored is something else
    checkpoints(own).restore(3, second.trainer().state());
    second.trainer().resume(3);
    for (const StepFingerprint& expected : later)
      EXPECT_TRUE(second.step() == expected) << device::name_of(element) << " " << expected.step;
    EXPECT_TRUE(second.state() == first.state());
  }
}

TEST_F(CheckpointTest, AStateThatLacksABlockWouldNotGoOnTheSame) {
  const CheckpointIdentity own = identity(Element::f32);
  SmallTraining first(own), second(own);
  for (SmallTraining* run : {&first, &second}) run->step();
  const StateBlock moment = second.trainer().state().back();
  EXPECT_EQ(moment.name, "second_moment");
  std::memset(moment.begin, 0, moment.bytes);
  EXPECT_FALSE(first.step() == second.step());
}

TEST_F(CheckpointTest, TheTwoLatestAreKeptAndNothingElseOfOurs) {
  const CheckpointIdentity own = identity(Element::f32);
  SmallTraining run(own);
  const Checkpoints all = checkpoints(own);
  EXPECT_EQ(all.latest(), std::nullopt);
  write_file(folder_ / "step-0000000002.rank-00000.part", "of a save that was cut short");
  write_file(folder_ / "notes", "not ours");
  for (const int step : {1, 3, 4, 7}) all.save(step, run.trainer().state());
  EXPECT_THAT(files(), UnorderedElementsAre("notes", "step-0000000004.rank-00000", "step-0000000004.complete",
                                            "step-0000000007.rank-00000", "step-0000000007.complete"));
  EXPECT_EQ(all.latest(), 7);
  EXPECT_EQ(fs::file_size(file(7)), all.own_bytes(run.trainer().state()));
  EXPECT_EQ(fs::file_size(file(7)), 4096 + run.state().size());
  EXPECT_THAT(all.names(7), ElementsAre("step-0000000007.rank-00000", "step-0000000007.rank-00000.part",
                                        "step-0000000007.complete"));
  const auto read = all.files_read(7, run.trainer().state());
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].first, file(7));
  EXPECT_EQ(read[0].second, fs::file_size(file(7)));
}

TEST_F(CheckpointTest, WhatIsNotCompleteIsNoCheckpoint) {
  const CheckpointIdentity own = identity(Element::f32);
  SmallTraining run(own);
  EXPECT_THAT(refusal(run, own, 3), HasSubstr("no complete checkpoint of step 3 (none is complete)"));
  checkpoints(own).save(3, run.trainer().state());
  checkpoints(own).save(4, run.trainer().state());
  fs::remove(manifest(4));  // as if it had ended before
  EXPECT_EQ(checkpoints(own).latest(), 3);
  EXPECT_THAT(refusal(run, own, 4), HasSubstr("no complete checkpoint of step 4 (those of steps 3 are"));
  EXPECT_EQ(refusal(run, own, 3), "nothing was thrown");
}

TEST_F(CheckpointTest, ASaveThatFailsLeavesWhatWasThere) {
  const CheckpointIdentity own = identity(Element::f32);
  SmallTraining run(own);
  checkpoints(own).save(3, run.trainer().state());
  run.step();
  {
    const bench::FileSizeLimit limit(100'000);
    EXPECT_THAT(
        message([&] { checkpoints(own).save(4, run.trainer().state()); }),
        AllOf(HasSubstr("step-0000000004.rank-00000.part: cannot write"), HasSubstr("File too large")));
  }
  EXPECT_THAT(files(), UnorderedElementsAre("step-0000000003.rank-00000", "step-0000000003.complete"));
  checkpoints(own).restore(3, run.trainer().state());
}

TEST_F(CheckpointTest, EveryAlteredFileIsRefused) {
  // bf16 has one block more, but needs instructions for it.
  const bool narrow = device::host().gemm_unsupported(Element::bf16).empty();
  const CheckpointIdentity own = identity(narrow ? Element::bf16 : Element::f32);
  const auto save = [&](SmallTraining& run) { checkpoints(own).save(3, run.trainer().state()); };
  SmallTraining run(own);
  save(run);
  run.step();
  const auto bytes = static_cast<std::int64_t>(fs::file_size(file(3)));
  const auto manifest_bytes = static_cast<std::int64_t>(fs::file_size(manifest(3)));
  // In the header, its padding, and each block (weights, perhaps master weights, two moments), first and last
  // bytes too.
  std::vector<std::int64_t> places = {0, 20, 500, 900, 4095, bytes - 1};
  std::int64_t at = 4096;
  for (const StateBlock& block : run.trainer().state()) {
    places.push_back(at);
    places.push_back(at + static_cast<std::int64_t>(block.bytes) / 2 + 3);
    at += static_cast<std::int64_t>(block.bytes);
  }
  EXPECT_EQ(places.size(), narrow ? 14U : 12U);
  for (const std::int64_t place : places) {
    change_byte(file(3), place);
    EXPECT_THAT(refusal(run, own, 3), HasSubstr("damaged")) << place;
    change_byte(file(3), place);
  }
  for (std::int64_t place = 0; place < manifest_bytes; place += 7) {
    change_byte(manifest(3), place);
    EXPECT_THAT(refusal(run, own, 3), HasSubstr("the manifest of the checkpoint is damaged")) << place;
    change_byte(manifest(3), place);
  }
  const std::string good = read_file(manifest(3));
  fs::resize_file(manifest(3), static_cast<std::uintmax_t>(manifest_bytes - 1));
  EXPECT_THAT(refusal(run, own, 3), HasSubstr("the manifest of the checkpoint is damaged"));
  fs::resize_file(manifest(3), 0);
  EXPECT_THAT(refusal(run, own, 3), HasSubstr("the manifest of the checkpoint is damaged"));
  write_file(manifest(3), good);
  for (const std::int64_t length : {bytes - 8, std::int64_t{4096}, std::int64_t{0}, bytes + 8}) {
    fs::copy_file(file(3), folder_ / "whole");
    fs::resize_file(file(3), static_cast<std::uintmax_t>(length));
    EXPECT_THAT(refusal(run, own, 3), AllOf(HasSubstr(length < bytes ? "is truncated" : "is too long"),
                                            HasSubstr("make " + std::to_string(bytes)),
                                            HasSubstr("has " + std::to_string(length))));
    fs::rename(folder_ / "whole", file(3));
  }
  fs::rename(file(3), folder_ / "elsewhere");
  EXPECT_THAT(refusal(run, own, 3), HasSubstr("is missing"));
  // The file of another save of the same step, whole in itself.
  save(run);
  EXPECT_EQ(refusal(run, own, 3), "nothing was thrown");
  fs::rename(folder_ / "elsewhere", file(3));
  EXPECT_THAT(refusal(run, own, 3), HasSubstr("of another save"));
}

TEST_F(CheckpointTest, AnotherTrainingIsRefusedWithBothNumbers) {
  const CheckpointIdentity own = identity(Element::f32);
  SmallTraining run(own);
  checkpoints(own).save(3, run.trainer().state());
  const auto refused = [&](const std::function<void(CheckpointIdentity&)>& change) {
    CheckpointIdentity other = own;
    change(other);
    return refusal(run, other, 3);
  };
  using Identity = CheckpointIdentity;
  EXPECT_THAT(refused([](Identity& one) { one.shape.width = 48; }),
              HasSubstr("of another training: width is 24 there and 48 here;"));
  EXPECT_THAT(refused([](Identity& one) { one.layout.shard_optimizer = true; }),
              HasSubstr("zero1 is 0 there and 1 here"));
  EXPECT_THAT(refused([](Identity& one) { one.layout.global_batch = 8; }),
              HasSubstr("global_batch is 4 there and 8 here"));
  EXPECT_THAT(refused([](Identity& one) { one.element = Element::bf16; }),
              HasSubstr("precision is f32 there and bf16 here"));
  EXPECT_THAT(refused([](Identity& one) { one.optimizer.rate = 0.1; }),
              HasSubstr("rate is 0.01 there and 0.1 here"));
  EXPECT_THAT(refused([](Identity& one) {
                one.seed = 6;
                one.layout.tensor = 2;
              }),
              HasSubstr("tensor is 1 there and 2 here; seed is 5 there and 6 here; resume with"));
  // A checkpoint under another step's name.
  fs::copy_file(file(3), file(5));
  fs::copy_file(manifest(3), manifest(5));
  EXPECT_THAT(refusal(run, own, 5), HasSubstr("step is 3 there and 5 here"));
}

TEST_F(CheckpointTest, AnotherFormatIsRefused) {
  const CheckpointIdentity own = identity(Element::f32);
  SmallTraining run(own);
  checkpoints(own).save(3, run.trainer().state());
  write_file(manifest(3), seal({"ASSAY checkpoint 2", "step 3"}));
  EXPECT_THAT(refusal(run, own, 3),
              HasSubstr("has the format 'ASSAY checkpoint 2', and this program reads 'ASSAY checkpoint 1'"));
  write_file(manifest(3), seal({"a list", "milk"}));
  EXPECT_THAT(refusal(run, own, 3), HasSubstr("this is no checkpoint"));
}

TEST(SealedText, ShowsThatItWasAltered) {
  const std::string text = seal({"one 1", "two"});
  const auto lines = unseal(text + std::string(100, '\0'));
  ASSERT_TRUE(lines);
  EXPECT_THAT(*lines, ElementsAre("one 1", "two"));
  EXPECT_FALSE(unseal(text + "x"));
  EXPECT_FALSE(unseal(""));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(unseal(altered)) << i;
    EXPECT_FALSE(unseal(text.substr(0, i))) << i;
  }
}

}  // namespace
}  // namespace assay::training
