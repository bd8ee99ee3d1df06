// mma.sync m16n8k16, ldmatrix and cp.async (PTX ISA, sections "Matrix Fragments for mma.m16n8k16 with
// floating point type", "ldmatrix", "cp.async"); sm_80 and newer. A tile of B or of sums is two of theirs
// side by side.
#pragma once

#include "suites/device/gpu/kernel_numbers.h"

namespace assay::gpu {

struct NvidiaFragments {
  static constexpr int lanes = 32, held = 8, sum_rows = 2, row_lanes = 4, scratch = 0, stages = 2;

  __device__ static constexpr int a_row(int lane, int i) { return lane / 4 + i / 2 % 2 * 8; }
  __device__ static constexpr int a_depth(int lane, int i) { return lane % 4 * 2 + i % 2 + i / 4 * 8; }
  __device__ static constexpr int b_depth(int lane, int i) { return lane % 4 * 2 + i % 2 + i / 2 % 2 * 8; }
  __device__ static constexpr int b_column(int lane, int i) { return lane / 4 + i / 4 * 8; }
  __device__ static constexpr int sum_row(int lane, int i) { return a_row(lane, i); }
  __device__ static constexpr int sum_column(int lane, int i) { return a_depth(lane, i); }
  __device__ static constexpr int sum_slot(int i) { return i / 2 % 2; }

  struct Sum {
    float at[held];
  };

#if defined(ASSAY_GPU_EMULATED)
  using A = EmulatedFragments<NvidiaFragments>::Operand;
  using B = A;
  static A load_a(const device::Bf16* from, int stride) {
    return EmulatedFragments<NvidiaFragments>::load_a(from, stride);
  }
  static B load_b_rows(const device::Bf16* from, int stride) {
    return EmulatedFragments<NvidiaFragments>::load_b(from, stride, 1);
  }
  static B load_b_columns(const device::Bf16* from, int stride) {
    return EmulatedFragments<NvidiaFragments>::load_b(from, 1, stride);
  }
  static void multiply(Sum& sum, const A& a, const B& b) {
    EmulatedFragments<NvidiaFragments>::multiply(sum.at, a, b);
  }
  static void put(const Sum& sum, const float (&by)[sum_rows], device::Bf16* to, int stride) {
    EmulatedFragments<NvidiaFragments>::put(sum.at, by, to, stride);
  }
  static float exp2(float x) {
    return ::exp2f(x);
  }
  template <typename T>
  static void begin_copy(T* to, const T* from, bool there) {
    EmulatedCopies::begin(to, from, sizeof(T), there);
  }
  static void wait_for_copies() {
    EmulatedCopies::wait();
  }
  /// A lane holds the same places of sums as of a left operand.
  static A narrow(const Sum& sum, device::Bf16*) {
    A a;
    for (int i = 0; i < held; ++i) a.at[i] = device::to_bf16(sum.at[i]);
    return a;
  }
#else
  /// Two bf16 numbers in each.
  struct A {
    std::uint32_t at[4];
  };
  struct B {
    std::uint32_t at[4];
  };

  __device__ static int lane() {
    return static_cast<int>(threadIdx.x) % lanes;
  }
  __device__ static std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
  }
  __device__ static void load(std::uint32_t (&to)[4], const device::Bf16* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
  }
  __device__ static void load_transposed(std::uint32_t (&to)[4], const device::Bf16* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
  }
  // Each lane names a row of eight numbers; lanes 8 i to 8 i + 7 those of the 8 x 8 matrix that goes to
  // at[i].
  __device__ static A load_a(const device::Bf16* from, int stride) {
    A a;
    load(a.at, from + lane() % 16 * stride + lane() / 16 * 8);
    return a;
  }
  __device__ static B load_b_rows(const device::Bf16* from, int stride) {
    B b;
    load_transposed(b.at, from + lane() % 16 * stride + lane() / 16 * 8);
    return b;
  }
  __device__ static B load_b_columns(const device::Bf16* from, int stride) {
    B b;
    load(b.at, from + (lane() / 16 * 8 + lane() % 8) * stride + lane() / 8 % 2 * 8);
    return b;
  }
  __device__ static void multiply(Sum& sum, const A& a, const B& b) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float* const s = sum.at + 4 * half;
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
          "{%0, %1, %2, %3};"
          : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3])
          : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "r"(b.at[2 * half]),
            "r"(b.at[2 * half + 1]));
    }
  }
  /// A lane holds the same places of sums as of a left operand.
  __device__ static A narrow(const Sum& sum, device::Bf16*) {
    A a;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(a.at[i]) : "f"(sum.at[2 * i + 1]), "f"(sum.at[2 * i]));
    return a;
  }
  __device__ static void put(const Sum& sum, const float (&by)[sum_rows], device::Bf16* to, int stride) {
    Sum scaled;
#pragma unroll
    for (int i = 0; i < held; ++i) scaled.at[i] = sum.at[i] * by[sum_slot(i)];
    const A pairs = narrow(scaled, nullptr);
    device::Bf16* const own = to + lane() / 4 * stride + lane() % 4 * 2;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      *reinterpret_cast<std::uint32_t*>(own + i % 2 * 8 * stride + i / 2 * 8) = pairs.at[i];
  }
  __device__ static float exp2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
  }
  template <typename T>
  __device__ static void begin_copy(T* to, const T* from, bool there) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 16);
    const std::uint32_t bytes = there ? sizeof(T) : 0;
    if constexpr (sizeof(T) == 16)
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                   :
                   : "r"(shared_address(to)), "l"(__cvta_generic_to_global(from)), "r"(bytes)
                   : "memory");
    else
      asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
                   :
                   : "r"(shared_address(to)), "l"(__cvta_generic_to_global(from)), "r"(bytes)
                   : "memory");
  }
  __device__ static void wait_for_copies() {
    asm volatile("cp.async.wait_all;" : : : "memory");
  }
#endif
};

}  // namespace assay::gpu
