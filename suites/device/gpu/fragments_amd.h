// v_mfma_f32_16x16x16bf16_1k (AMD Instinct MI200 instruction set, section "Matrix Arithmetic Instructions");
// gfx90a and newer. A lane holds four neighbours in depth of one row of A (one column of B), and sums of four
// rows in one column.
#pragma once

#include "suites/device/gpu/kernel_numbers.h"

namespace assay::gpu {

struct AmdFragments {
  static constexpr int lanes = 64, held = 4, sum_rows = 4, row_lanes = 16, scratch = 256, stages = 1;

  __device__ static constexpr int a_row(int lane, int) { return lane % 16; }
  __device__ static constexpr int a_depth(int lane, int i) { return lane / 16 * 4 + i; }
  __device__ static constexpr int b_depth(int lane, int i) { return lane / 16 * 4 + i; }
  __device__ static constexpr int b_column(int lane, int) { return lane % 16; }
  __device__ static constexpr int sum_row(int lane, int i) { return lane / 16 * 4 + i; }
  __device__ static constexpr int sum_column(int lane, int) { return lane % 16; }
  __device__ static constexpr int sum_slot(int i) { return i; }

  struct Sum {
    float at[held];
  };

#if defined(ASSAY_GPU_EMULATED)
  using A = EmulatedFragments<AmdFragments>::Operand;
  static void multiply(Sum& sum, const A& a, const A& b) {
    EmulatedFragments<AmdFragments>::multiply(sum.at, a, b);
  }
#else
  struct A {
    device::Bf16 at[held];
  };
  __device__ static void multiply([[maybe_unused]] Sum& sum, [[maybe_unused]] const A& a,
                                  [[maybe_unused]] const A& b) {
#if defined(__HIP_DEVICE_COMPILE__)
    using Four = short __attribute__((ext_vector_type(4)));
    using FourSums = float __attribute__((ext_vector_type(4)));
    const FourSums sums = __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(
        __builtin_bit_cast(Four, a), __builtin_bit_cast(Four, b), __builtin_bit_cast(FourSums, sum), 0, 0, 0);
    sum = __builtin_bit_cast(Sum, sums);
#endif
  }
#endif
  using B = A;

  __device__ static int lane() {
    return static_cast<int>(threadIdx.x) % lanes;
  }
  __device__ static A load_a(const device::Bf16* from, int stride) {
    A a;
    for (int i = 0; i < held; ++i) a.at[i] = from[a_row(lane(), i) * stride + a_depth(lane(), i)];
    return a;
  }
  __device__ static B load_b_rows(const device::Bf16* from, int stride) {
    B b;
    for (int i = 0; i < held; ++i) b.at[i] = from[b_depth(lane(), i) * stride + b_column(lane(), i)];
    return b;
  }
  __device__ static B load_b_columns(const device::Bf16* from, int stride) {
    B b;
    for (int i = 0; i < held; ++i) b.at[i] = from[b_column(lane(), i) * stride + b_depth(lane(), i)];
    return b;
  }
  __device__ static void put(const Sum& sum, const float (&by)[sum_rows], device::Bf16* to, int stride) {
    for (int i = 0; i < held; ++i)
      to[sum_row(lane(), i) * stride + sum_column(lane(), i)] = device::to_bf16(sum.at[i] * by[sum_slot(i)]);
  }
  __device__ static float exp2(float x) {
#if defined(__HIP_DEVICE_COMPILE__)
    float y;
    asm("v_exp_f32 %0, %1" : "=v"(y) : "v"(x));
    return y;
#else
    return ::exp2f(x);
#endif
  }
  /// These units copy by way of the registers: done at once.
  template <typename T>
  __device__ static void begin_copy(T* to, const T* from, bool there) {
    *to = there ? *from : T{};
  }
  __device__ static void wait_for_copies() {}
  /// Sums and left operands are spread differently: through shared memory.
  __device__ static A narrow(const Sum& sum, device::Bf16* scratch_of_warp) {
    warp_barrier();
    for (int i = 0; i < held; ++i)
      scratch_of_warp[sum_row(lane(), i) * 16 + sum_column(lane(), i)] = device::to_bf16(sum.at[i]);
    warp_barrier();
    return load_a(scratch_of_warp, 16);
  }
};

}  // namespace assay::gpu
