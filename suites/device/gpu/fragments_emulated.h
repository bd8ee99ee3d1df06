// What matrix units do, by plain loops over what the lanes brought: for the tests, which so run the places
// where each vendor's lanes hold their numbers.
#pragma once

#include <cstring>
#include <map>
#include <vector>

#include "suites/device/gpu/kernel_numbers.h"

namespace assay::gpu {

template <typename F>
struct EmulatedFragments {
  struct Operand {
    device::Bf16 at[256 / 32];  // of which the first F::held
  };
  static int lane() { return static_cast<int>(threadIdx.x) % F::lanes; }

  static Operand load_a(const device::Bf16* from, int stride) {
    Operand a;
    for (int i = 0; i < F::held; ++i) a.at[i] = from[F::a_row(lane(), i) * stride + F::a_depth(lane(), i)];
    return a;
  }
  static Operand load_b(const device::Bf16* from, int by_depth, int by_column) {
    Operand b;
    for (int i = 0; i < F::held; ++i)
      b.at[i] = from[F::b_depth(lane(), i) * by_depth + F::b_column(lane(), i) * by_column];
    return b;
  }
  static void multiply(float (&sums)[F::held], const Operand& a, const Operand& b) {
    struct Both {
      Operand a, b;
    };
    const Both mine{a, b};
    const auto* const all =
        static_cast<const Both*>(emulation::gather(&mine, sizeof mine, std::source_location::current()));
    float left[16][16], right[16][16];
    for (int l = 0; l < F::lanes; ++l)
      for (int i = 0; i < F::held; ++i) {
        left[F::a_row(l, i)][F::a_depth(l, i)] = device::to_float(all[l].a.at[i]);
        right[F::b_column(l, i)][F::b_depth(l, i)] = device::to_float(all[l].b.at[i]);
      }
    for (int i = 0; i < F::held; ++i)
      for (int k = 0; k < 16; ++k)
        sums[i] += left[F::sum_row(lane(), i)][k] * right[F::sum_column(lane(), i)][k];
  }
  static void put(const float (&sums)[F::held], const float (&by)[F::sum_rows], device::Bf16* to,
                  int stride) {
    for (int i = 0; i < F::held; ++i)
      to[F::sum_row(lane(), i) * stride + F::sum_column(lane(), i)] =
          device::to_bf16(sums[i] * by[F::sum_slot(i)]);
  }
};

/// Copies that go on by themselves, at their worst: the place is NaN from the beginning on, and what was to
/// come is there only when the thread has waited.
class EmulatedCopies {
 public:
  static void begin(void* to, const void* from, std::size_t bytes, bool there) {
    std::memset(to, 0xff, bytes);
    of_this_thread().push_back({to, there ? from : nullptr, bytes});
  }
  static void wait() {
    for (const Copy& copy : of_this_thread())
      if (copy.from != nullptr)
        std::memcpy(copy.to, copy.from, copy.bytes);
      else
        std::memset(copy.to, 0, copy.bytes);
    of_this_thread().clear();
  }

 private:
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
  };
  static std::vector<Copy>& of_this_thread() {
    static std::map<unsigned, std::vector<Copy>> of_threads;
    return of_threads[threadIdx.x];
  }
};

}  // namespace assay::gpu
