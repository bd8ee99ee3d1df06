// The emulated GPU itself: what it must find, and that warps, barriers and matrix fragments work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "suites/device/gpu/build.h"

#if !ASSAY_GPU_COMPILED
#define ASSAY_GPU_EMULATED
#include "suites/device/gpu/fragments.h"

namespace assay::gpu {

namespace {

using device::Bf16;
using emulation::Order;

/// What the launch ended with; empty: nothing.
template <typename Kernel, typename... Arguments>
std::string complaint(Kernel kernel, unsigned threads, Arguments... arguments) {
  try {
    launch(kernel, 2, threads, 0, nullptr, arguments...);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return {};
}

__global__ void barrier_for_some(int threads) {
  if (static_cast<int>(threadIdx.x) < threads) __syncthreads();
}
__global__ void shuffle_for_some(int threads, float* sums) {
  float value = 1;
  if (static_cast<int>(threadIdx.x) < threads) value = warp_sum(value);
  sums[threadIdx.x] = value;
}
__global__ void two_barriers(int threads) {
  if (static_cast<int>(threadIdx.x) < threads)
    __syncthreads();
  else
    __syncthreads();
}

TEST(Emulation, FindsBarriersAndShufflesThatNotAllReach) {
  for (const int lanes : {32, 64}) {
    emulation::configure(lanes, Order::ascending);
    EXPECT_EQ(complaint(barrier_for_some, 128, 128), "");
    EXPECT_EQ(complaint(barrier_for_some, 128, 0), "");
    EXPECT_THAT(complaint(barrier_for_some, 128, 127), testing::HasSubstr("waits for its block"));
    EXPECT_THAT(complaint(barrier_for_some, 128, 127), testing::HasSubstr("thread (127, 0, 0) has ended"));
    EXPECT_THAT(complaint(two_barriers, 128, 64), testing::HasSubstr("waits for its block"));
    std::vector<float> sums(128);
    EXPECT_EQ(complaint(shuffle_for_some, 128, 64, sums.data()), "");
    EXPECT_EQ(sums[0], static_cast<float>(lanes));
    EXPECT_EQ(sums[64], 1.0f);
    EXPECT_THAT(complaint(shuffle_for_some, 128, 63, sums.data()), testing::HasSubstr("waits for its warp"));
  }
}

__global__ void reverse(bool with_barrier, int* numbers) {
  int* const shared = shared_memory<int>();
  const unsigned last = blockDim.x - 1;
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (with_barrier) __syncthreads();
  numbers[blockIdx.x * blockDim.x + threadIdx.x] = shared[last - threadIdx.x];
}

TEST(Emulation, AMissingBarrierShowsInEitherOrder) {
  constexpr int threads = 64;
  std::vector<int> expected;
  for (int block = 0; block < 2; ++block)
    for (int i = 0; i < threads; ++i) expected.push_back(threads - 1 - i);
  for (const Order order : {Order::ascending, Order::descending}) {
    emulation::configure(32, order);
    std::vector<int> numbers(2 * threads);
    launch(reverse, 2, threads, threads * sizeof(int), nullptr, true, numbers.data());
    EXPECT_EQ(numbers, expected);
    launch(reverse, 2, threads, threads * sizeof(int), nullptr, false, numbers.data());
    EXPECT_NE(numbers, expected);
  }
}

TEST(Emulation, LaunchesWhatAGpuLaunches) {
  emulation::configure(32, Order::ascending);
  EXPECT_THAT(complaint(barrier_for_some, 1025, 0), testing::HasSubstr("blocks of 1025 threads"));
  EXPECT_THAT(complaint(barrier_for_some, 0, 0), testing::HasSubstr("blocks of 0 threads"));
}

/// c = a b and c = a (b^T)^T, and the first product narrowed and multiplied by b once more.
template <typename F>
__global__ void multiply_tiles_of(const Bf16* a, const Bf16* b, const Bf16* b_transposed, float* products) {
  const int lane = static_cast<int>(threadIdx.x);
  Bf16* const scratch = shared_memory<Bf16>();
  const typename F::A left = F::load_a(a, 16);
  typename F::Sum sums[3] = {};
  F::multiply(sums[0], left, F::load_b_rows(b, 16));
  F::multiply(sums[1], left, F::load_b_columns(b_transposed, 16));
  F::multiply(sums[2], F::narrow(sums[0], scratch), F::load_b_rows(b, 16));
  for (int i = 0; i < F::held; ++i)
    for (int n = 0; n < 3; ++n)
      products[(n * 16 + F::sum_row(lane, i)) * 16 + F::sum_column(lane, i)] = sums[n].at[i];
}

template <typename F>
void expect_products() {
  emulation::configure(F::lanes, Order::descending);
  std::vector<Bf16> a(256), b(256), b_transposed(256);
  std::vector<float> expected(3 * 256), found(3 * 256, -1.0f);
  for (std::size_t i = 0; i < 256; ++i) {
    a[i] = device::to_bf16(static_cast<float>(i * 7 % 5) - 2);
    b[i] = device::to_bf16(static_cast<float>(i * 11 % 7) / 4);
    b_transposed[i % 16 * 16 + i / 16] = b[i];
  }
  const auto product = [&](const auto& left, std::size_t to) {
    for (std::size_t r = 0; r < 16; ++r)
      for (std::size_t c = 0; c < 16; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < 16; ++k) sum += left(r * 16 + k) * device::to_float(b[k * 16 + c]);
        expected[to + r * 16 + c] = sum;
      }
  };
  product([&](std::size_t i) { return device::to_float(a[i]); }, 0);
  product([&](std::size_t i) { return device::to_float(a[i]); }, 256);
  product([&](std::size_t i) { return device::to_float(device::to_bf16(expected[i])); }, 512);
  launch(multiply_tiles_of<F>, 1, F::lanes, F::scratch * sizeof(Bf16), nullptr, a.data(), b.data(),
         b_transposed.data(), found.data());
  EXPECT_EQ(found, expected);
  // Lanes that hold the same rows, and slots, are as the kernels take them.
  for (int lane = 0; lane < F::lanes; ++lane)
    for (int i = 0; i < F::held; ++i) {
      EXPECT_EQ(F::sum_row(lane, i), F::sum_row(lane / F::row_lanes * F::row_lanes, i));
      for (int j = 0; j < F::held; ++j)
        EXPECT_EQ(F::sum_slot(i) == F::sum_slot(j), F::sum_row(lane, i) == F::sum_row(lane, j));
      EXPECT_LT(F::sum_slot(i), F::sum_rows);
    }
}

TEST(Emulation, FragmentsMultiplyAsEachVendorSpreadsThem) {
  expect_products<NvidiaFragments>();
  expect_products<AmdFragments>();
}

template <typename F>
__global__ void bring(bool waits, const float* from, float* to) {
  float* const shared = shared_memory<float>();
  const int i = static_cast<int>(threadIdx.x);
  F::begin_copy(shared + i, from + i, i % 3 > 0);
  if (waits) F::wait_for_copies();
  to[i] = shared[i];
  F::wait_for_copies();
}

TEST(Emulation, CopiesAreThereWhenTheThreadHasWaited) {
  emulation::configure(32, Order::ascending);
  std::vector<float> from, expected;
  for (int i = 0; i < 64; ++i) {
    from.push_back(static_cast<float>(i) + 1);
    expected.push_back(i % 3 > 0 ? from.back() : 0);
  }
  std::vector<float> found(64);
  launch(bring<NvidiaFragments>, 1, 64, 64 * sizeof(float), nullptr, true, from.data(), found.data());
  EXPECT_EQ(found, expected);
  launch(bring<NvidiaFragments>, 1, 64, 64 * sizeof(float), nullptr, false, from.data(), found.data());
  EXPECT_THAT(found, testing::Each(testing::IsNan()));
  launch(bring<AmdFragments>, 1, 64, 64 * sizeof(float), nullptr, false, from.data(), found.data());
  EXPECT_EQ(found, expected);  // by way of registers
}

template <typename F>
__global__ void put_sums(Bf16* to, int stride) {
  const int lane = static_cast<int>(threadIdx.x);
  typename F::Sum sum;
  float by[F::sum_rows];
  for (int i = 0; i < F::held; ++i) {
    sum.at[i] = static_cast<float>(F::sum_row(lane, i) * 4 + F::sum_column(lane, i));
    by[F::sum_slot(i)] = F::sum_row(lane, i) % 2 == 0 ? 2.0f : -1.0f;
  }
  F::put(sum, by, to, stride);
}

TEST(Emulation, SumsArePutByRows) {
  constexpr int stride = 24;
  for (const int lanes : {NvidiaFragments::lanes, AmdFragments::lanes}) {
    emulation::configure(lanes, Order::ascending);
    std::vector<Bf16> found(16 * stride);
    launch(lanes == NvidiaFragments::lanes ? put_sums<NvidiaFragments> : put_sums<AmdFragments>, 1,
           static_cast<unsigned>(lanes), 0, nullptr, found.data(), stride);
    for (int r = 0; r < 16; ++r)
      for (int c = 0; c < stride; ++c)
        EXPECT_EQ(device::to_float(found[static_cast<std::size_t>(r * stride + c)]),
                  c < 16 ? static_cast<float>(r * 4 + c) * (r % 2 == 0 ? 2.0f : -1.0f) : 0.0f);
  }
}

}  // namespace

}  // namespace assay::gpu

#endif
