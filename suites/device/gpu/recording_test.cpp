// Work that is recorded and begun again: here the emulated GPU's, whose recordings keep what was begun, with
// its arguments as they were, or in a build for a GPU the GPU's own. Shows that the operators of
// a step neither wait nor allocate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_operators.h"
#include "suites/device/gpu/runtime.h"
#include "suites/device/operators.h"

#if !ASSAY_GPU_COMPILED
#include "suites/device/gpu/emulation_settings.h"
#endif

namespace assay::gpu {

namespace {

using device::Element;

/// Memory of the device with what it begins with.
class StepMemory {
 public:
  explicit StepMemory(Queue& queue) : queue_(queue) {}
  StepMemory(const StepMemory&) = delete;
  StepMemory& operator=(const StepMemory&) = delete;
  ~StepMemory() {
    for (const Part& part : parts_) release_bytes(part.device);
  }

  void* add(std::vector<unsigned char> content) {
    parts_.push_back({allocate_bytes(content.size()), std::move(content)});
    return parts_.back().device;
  }
  template <typename T>
  T* add(const std::vector<T>& content) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(content.data());
    return static_cast<T*>(add(std::vector<unsigned char>(bytes, bytes + content.size() * sizeof(T))));
  }
  void* numbers(device::Element element, std::int64_t count) {
    std::vector<unsigned char> content;
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = 0.25f + static_cast<float>(i * 37 % 101) / 128;
      const double wide = static_cast<double>(value);
      const device::Bf16 narrow = device::to_bf16(value);
      const auto* const bytes =
          element == device::Element::f64   ? reinterpret_cast<const unsigned char*>(&wide)
          : element == device::Element::f32 ? reinterpret_cast<const unsigned char*>(&value)
                                            : reinterpret_cast<const unsigned char*>(&narrow);
      content.insert(content.end(), bytes, bytes + bytes_of(element));
    }
    return add(std::move(content));
  }

  void reset() {
    for (const Part& part : parts_) queue_.copy(part.device, part.content.data(), part.content.size());
    queue_.finish();
  }
  std::vector<std::vector<unsigned char>> read() const {
    std::vector<std::vector<unsigned char>> found;
    for (const Part& part : parts_) {
      found.emplace_back(part.content.size());
      queue_.copy(found.back().data(), part.device, found.back().size());
    }
    queue_.finish();
    return found;
  }

 private:
  struct Part {
    void* device;
    std::vector<unsigned char> content;
  };
  Queue& queue_;
  std::vector<Part> parts_;
};

/// Recording does nothing; beginning the record does what the calls do, with the same bits; and what the step
/// reads of the device's memory is read each time.
void expect_recordable(device::Operators& op, Queue& queue) {
  constexpr std::int64_t sequence = 35, rows = 2 * sequence, width = 24, wide = 40, vocabulary = 50, size = 8;
  const device::LinearShape linear{rows, width, wide};
  const device::AttentionShape attention{2, sequence, 3, 3, size};
  const device::HeadShape head{rows, width, vocabulary, 0};
  op.reserve_linear(linear);
  op.reserve_attention(attention);
  op.reserve_head(head);
  op.reserve_rope(sequence, size, 100);

  StepMemory memory(queue);
  const auto held = [&](std::int64_t count) { return memory.numbers(op.element(), count); };
  const auto exact = [&](std::int64_t count) { return memory.numbers(exact_of(op.element()), count); };
  std::vector<std::int32_t> words;
  for (std::int32_t r = 0; r < rows; ++r) words.push_back(r * 7 % vocabulary);
  const std::int32_t* const tokens = memory.add(words);
  double* const sums = memory.add(std::vector<double>{0, 0});
  device::AdamWStep* const now = memory.add(std::vector<device::AdamWStep>{{0.01, 2, 3, 1}});
  void *x = held(rows * width), *y = held(rows * width), *z = held(rows * wide), *dz = held(rows * wide),
       *dx = held(rows * width), *table = held(vocabulary * width), *weight = held(wide * width),
       *bias = held(wide), *gamma = held(width), *beta = held(width), *q = held(rows * width),
       *k = held(rows * width), *v = held(rows * width), *dq = held(rows * width), *dk = held(rows * width),
       *dv = held(rows * width), *g = held(rows * wide / 2);
  void *dtable = exact(vocabulary * width), *dweight = exact(wide * width), *dbias = exact(wide),
       *dgamma = exact(width), *dbeta = exact(width), *mean = exact(rows), *deviation = exact(rows),
       *log_sum = exact(rows * 3), *largest = exact(rows), *total = exact(rows), *target = exact(rows),
       *master = exact(wide * width), *first = exact(wide * width), *second = exact(wide * width);

  const auto step = [&] {
    queue.set_bytes(sums, 0, 2 * sizeof(double));
    op.embedding_forward(rows, width, sequence, tokens, table, 0, vocabulary, nullptr, x);
    op.layer_norm_forward(rows, width, x, gamma, beta, y, mean, deviation);
    op.linear_forward(linear, y, weight, bias, z);
    op.gelu_forward(rows * wide, z, dz);
    op.gelu_backward(rows * wide, dz, z, dz);
    op.swiglu_forward(rows, wide / 2, z, g);
    op.swiglu_backward(rows, wide / 2, g, z, dz);
    op.linear_backward_input(linear, dz, weight, dx);
    op.linear_backward_weight(linear, dz, y, dweight, dbias, false);
    op.layer_norm_backward(rows, width, dx, x, gamma, mean, deviation, y, dgamma, dbeta);
    op.rms_norm_forward(rows, width, x, gamma, y, deviation);
    op.rms_norm_backward(rows, width, dx, x, gamma, deviation, y, dgamma);
    op.rope(rows, sequence, 3, size, width, 100, 1, q);
    op.attention_forward(attention, q, k, v, width, x, log_sum);
    op.attention_backward(attention, y, q, k, v, width, x, log_sum, dq, dk, dv);
    op.add(rows * width, dq, x);
    op.head_forward(head, x, table, tokens, largest, total, target);
    op.head_loss(rows, largest, total, target, largest, sums);
    op.head_backward(head, x, table, tokens, largest, 0.01, dx, dtable, false);
    op.embedding_backward(rows, width, sequence, tokens, dx, dtable, 0, vocabulary, nullptr);
    op.add_exact(width, dgamma, dbeta);
    op.add_squares(wide * width, dweight, sums + 1);
    device::AdamW settings;
    settings.step_on_device = now;
    settings.squares_on_device = sums + 1;
    settings.clip = 0.5;
    op.adamw(wide * width, settings, master, first, second, dweight, weight);
  };

  memory.reset();
  const auto before = memory.read();
  step();
  const auto expected = memory.read();
  EXPECT_NE(expected, before);
  memory.reset();
  Recording recording(queue, step);
  EXPECT_EQ(memory.read(), before);
  recording.begin();
  EXPECT_EQ(memory.read(), expected);
  memory.reset();
  const device::AdamWStep later{0.5, 1, 1, 2};
  queue.copy(now, &later, sizeof later);
  recording.begin();
  EXPECT_NE(memory.read(), expected);
}

#if ASSAY_GPU_COMPILED

TEST(GpuRecording, BeginsEveryOperatorOfAStepAgain) {
  const std::string missing = device::gpu(0, 1).missing;
  if (!missing.empty()) GTEST_SKIP() << missing;
  for (const Element element : {Element::f32, Element::bf16}) {
    Queue queue;
    expect_recordable(*gpu_operators(element, queue), queue);
  }
}

#else

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

#endif

}  // namespace

}  // namespace assay::gpu
