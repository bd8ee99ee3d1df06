// The GPU as benchmarks see it. What needs a GPU is skipped where there is none, and says why; the rest shows
// that a program built for a GPU starts and explains itself without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/launched_program.h"

namespace assay::device {
namespace {

using bench::assay_bench;
using bench::run_command;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

TEST(GpuAbsent, AProgramExplainsWhatIsMissing) {
  const Selected selected = gpu(0, 1);
  if (selected.device != nullptr) GTEST_SKIP() << "there is a GPU";
  // What is wrong; what to do.
  EXPECT_THAT(selected.missing, HasSubstr("; "));
  if (!gpu::compiled) {
    EXPECT_THAT(selected.missing, HasSubstr("has no GPU code"));
    EXPECT_EQ(gpu_count(), 0);
  } else {
    EXPECT_THAT(selected.missing,
                AnyOf(HasSubstr("no GPU driver on this node"), HasSubstr("no GPU that this process"),
                      HasSubstr("the GPU driver supports"), HasSubstr("cannot be used")));
  }
  EXPECT_EQ(gpu_facts().at("gpu_build"), gpu::build_words);
}

TEST(GpuAbsent, TheProgramListsAndDescribesWithoutOne) {
  for (const char* arguments : {"--list", "--describe", "--describe memory/transfer", "--version"}) {
    const bench::Ended ended = run_command(assay_bench(0, arguments));
    EXPECT_EQ(ended.exit_code, 0) << arguments << ": " << ended.output;
  }
  EXPECT_THAT(run_command(assay_bench(0, "--describe compute/gemm")).output, HasSubstr("device"));
}

TEST(GpuAbsent, ACaseIsUnsupportedWithTheReason) {
  if (gpu(0, 1).device != nullptr) GTEST_SKIP() << "there is a GPU";
  const bench::ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  for (const char* arguments :
       {"compute/gemm --m 64 --n 64 --k 64 --device gpu", "memory/stream --device gpu", "memory/transfer"}) {
    const bench::Ended ended =
        run_command(assay_bench(0, std::string(arguments) + " --json " + file.string()));
    EXPECT_EQ(ended.exit_code, 4) << ended.output;
  }
  const auto records = bench::records_in(file);
  ASSERT_EQ(records.size(), 3u);
  for (const Record& record : records) {
    EXPECT_EQ(record.status, LaunchStatus::unsupported);
    EXPECT_EQ(record.reason, gpu(0, 1).missing);
  }
}

TEST(GpuAbsent, ADriverOlderThanTheToolkitIsSaid) {
  const std::string words = gpu::build_words;
  const bool for_nvidia = words.find("CUDA") == 0 || words.find("HIP by nvcc") == 0;
  const bench::ScratchFolder scratch;
  const auto file = scratch / "records.jsonl";
  const bench::Ended ended =
      run_command("LD_LIBRARY_PATH='" ASSAY_FAKE_DRIVER "':\"$LD_LIBRARY_PATH\" " +
                  assay_bench(0, "compute/gemm --m 64 --n 64 --k 64 --device gpu --json " + file.string()));
  if (!gpu::compiled || for_nvidia) {
    EXPECT_EQ(ended.exit_code, 4) << ended.output;
  }
  const auto records = bench::records_in(file);
  ASSERT_EQ(records.size(), 1u);
  if (!for_nvidia) {  // it changes nothing
    EXPECT_EQ(records[0].reason, gpu(0, 1).missing);
    return;
  }
  EXPECT_EQ(records[0].status, LaunchStatus::unsupported);
  EXPECT_THAT(records[0].reason,
              AllOf(HasSubstr("the GPU driver supports up to 12.4, this program was built with"),
                    HasSubstr("; update the driver, or build with an older toolkit")));
}

TEST(GpuRanks, RanksThatShareAGpuAreNamed) {
  EXPECT_EQ(bench::shared_devices({"n1 GPU-a", "n1 GPU-b", "n2 GPU-a", "", ""}), "");
  EXPECT_THAT(bench::shared_devices({"n1 GPU-a", "n1 GPU-b", "n1 GPU-a"}),
              HasSubstr("ranks 0 and 2 see only one GPU"));
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    const Selected selected = gpu(0, 1);
    if (selected.device == nullptr) GTEST_SKIP() << selected.missing;
    device_ = selected.device;
  }
  Device* device_ = nullptr;
};

TEST_F(OnGpu, FactsAreThere) {
  EXPECT_EQ(device_->kind(), "gpu");
  EXPECT_FALSE(device_->name().empty());
  EXPECT_FALSE(device_->id().empty());
  EXPECT_GT(device_->cache_bytes(), 1u << 20);
  EXPECT_GT(device_->available_bytes().value_or(0), 1u << 28);
  EXPECT_THAT(device_->facts().at("gpu_address"), HasSubstr(":"));
  EXPECT_FALSE(device_->facts().at("gpu_telemetry").empty());
}

TEST_F(OnGpu, BuffersComeBackAsTheyWent) {
  const auto buffer = device_->allocate(1 << 20);
  auto* bytes = static_cast<unsigned char*>(buffer->host());
  for (int i = 0; i < 1 << 20; ++i) bytes[i] = static_cast<unsigned char>(i * 7 + i / 251);
  buffer->push();
  for (int i = 0; i < 1 << 20; ++i) bytes[i] = 0;
  buffer->pull();
  for (int i = 0; i < 1 << 20; ++i) ASSERT_EQ(bytes[i], static_cast<unsigned char>(i * 7 + i / 251)) << i;
  EXPECT_NE(buffer->device(), buffer->host());
}

TEST_F(OnGpu, TooMuchMemoryIsRefusedWithTheVendorsWords) {
  try {
    device_->allocate(std::size_t{1} << 50);
    FAIL() << "a pebibyte was allocated";
  } catch (const std::bad_alloc& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("give a smaller size"));
  }
}

TEST_F(OnGpu, RecordedWorkIsBegunAgain) {
  const auto buffer = device_->allocate(1 << 10);
  auto* const bytes = static_cast<unsigned char*>(buffer->host());
  bytes[7] = 1;
  buffer->push();
  const auto work = device_->record([&] { device_->set_bytes(buffer->device(), std::byte{5}, 1 << 10); });
  ASSERT_NE(work, nullptr);
  buffer->pull();
  EXPECT_EQ(bytes[7], 1);
  work->begin();
  buffer->pull();
  EXPECT_EQ(bytes[7], 5);
}

TEST_F(OnGpu, WhatWaitsCannotBeRecordedAndTheDeviceWorksOn) {
  try {
    device_->record([&] { device_->finish(); });
    FAIL() << "waiting was recorded";
  } catch (const std::runtime_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("a step cannot be recorded"));
  }
  const auto buffer = device_->allocate(1 << 10);
  device_->set_bytes(buffer->device(), std::byte{5}, 1 << 10);
  buffer->pull();
  EXPECT_EQ(static_cast<unsigned char*>(buffer->host())[7], 5);
}

TEST_F(OnGpu, ConditionsHaveSaneUnits) {
  const auto reading = device_->read_conditions();
  if (!reading) GTEST_SKIP() << device_->facts().at("gpu_telemetry");
  if (reading->clock_hz) {
    EXPECT_GT(*reading->clock_hz, 1e7);
  }
  if (reading->power_w) {
    EXPECT_LT(*reading->power_w, 5000);
  }
  if (reading->temperature_c) {
    EXPECT_LT(*reading->temperature_c, 150);
  }
}

}  // namespace
}  // namespace assay::device
