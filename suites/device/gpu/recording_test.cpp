// Work that is recorded and begun again: here the emulated GPU's, whose recordings keep what was begun, with
// its arguments as they were; in a build for a GPU the GPU's own (gpu_test.cpp). Shows that the operators of
// a step neither wait nor allocate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_operators.h"
#include "suites/device/gpu/recorded_step.h"

#if !ASSAY_GPU_COMPILED
#include "suites/device/gpu/emulation_settings.h"

namespace assay::gpu {

namespace {

using device::Element;

class EmulatedRecording : public testing::TestWithParam<Element> {
 protected:
  void SetUp() override { emulation::configure(32, emulation::Order::ascending); }
};

TEST_P(EmulatedRecording, BeginsEveryOperatorOfAStepAgain) {
  Queue queue;
  const auto operators = gpu_operators(GetParam(), queue);
  expect_recordable(*operators, queue);
}

/// Two blocks of logits, of which the emulated GPU has memory to keep one.
TEST_P(EmulatedRecording, LogitsThatAreKeptChangeNothing) {
  constexpr std::int64_t rows = 9, width = 8, vocabulary = 9001;
  const device::HeadShape head{rows, width, vocabulary, 0};
  Queue queue;
  const auto op = gpu_operators(GetParam(), queue);
  const auto held = [&](std::int64_t count, float from) {
    std::vector<unsigned char> bytes(static_cast<std::size_t>(count) * bytes_of(GetParam()));
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = from + static_cast<float>(i * 37 % 101) / 128;
      const device::Bf16 rounded = device::to_bf16(value);
      if (GetParam() == Element::bf16)
        std::memcpy(bytes.data() + 2 * i, &rounded, 2);
      else
        std::memcpy(bytes.data() + 4 * i, &value, 4);
    }
    return bytes;
  };
  op->reserve_head(head);
  EXPECT_GT(op->scratch_bytes(),
            rows * vocabulary * 4);  // half of the logits twice: one to keep, one to work on
  std::vector<std::int32_t> targets;
  for (int r = 0; r < rows; ++r) targets.push_back(r * 997);
  const auto x = held(rows * width, -0.5f), other = held(rows * width, 0.25f),
             w = held(vocabulary * width, -0.4f);
  std::vector<float> largest(rows), sum(rows), target(rows), log_sum(rows, 5);
  const auto forward = [&](const auto& in) {
    op->head_forward(head, in.data(), w.data(), targets.data(), largest.data(), sum.data(), target.data());
  };
  const auto backward = [&](const auto& in) {
    auto dx = held(rows * width, 0);
    std::vector<float> dw(vocabulary * width);
    op->head_backward(head, in.data(), w.data(), targets.data(), log_sum.data(), 1, dx.data(), dw.data());
    return std::pair(dx, dw);
  };
  forward(x);
  const auto kept = backward(x), recomputed = backward(x);
  EXPECT_EQ(kept, recomputed);
  forward(other);  // of another micro-batch
  EXPECT_EQ(backward(x), recomputed);
  EXPECT_NE(backward(other), recomputed);
}

INSTANTIATE_TEST_SUITE_P(Recording, EmulatedRecording, testing::Values(Element::f32, Element::bf16),
                         [](const auto& one) { return std::string(name_of(one.param)); });

TEST(Recording, WhatWaitsOrAllocatesIsRefusedAndTheQueueWorksOn) {
  Queue queue;
  const auto operators = gpu_operators(Element::f32, queue);
  std::vector<float> x = {3, 4};
  EXPECT_THROW(Recording(queue, [&] { operators->sum_of_squares(2, x.data()); }), GpuError);
  EXPECT_THROW(Recording(queue, [&] { release_bytes(allocate_bytes(8)); }), GpuError);
  EXPECT_THROW(Recording(queue, [] { throw std::logic_error("of its own"); }), std::logic_error);
  EXPECT_EQ(operators->sum_of_squares(2, x.data()), 25);
}

}  // namespace

}  // namespace assay::gpu

#endif
