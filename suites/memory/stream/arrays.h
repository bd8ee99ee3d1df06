// The three arrays of one rank, cut into one part for each thread, and what the loops do to them.
#pragma once

#include <cstdint>
#include <vector>

#include "reports/record/record.h"
#include "suites/memory/stream/kernels.h"
#include "suites/memory/stream/stream.h"
#include "suites/memory/support/pages.h"

namespace assay::bench::stream {

template <typename T>
class StreamArrays {
 public:
  /// `bytes` of one array, a multiple of 64. Nothing is touched yet.
  StreamArrays(std::uint64_t bytes, int threads, PageSize pages);

  /// The initial values, each part written by the thread that works on it: that decides its NUMA node.
  void touch();
  /// a as it was in the beginning. b and c are only ever written before they are read.
  void restart_a();
  /// b, c and the sum become NaN. a keeps its value, which is wrong for the next pass: it is its input too.
  void poison();
  /// One loop on all threads.
  void run(Loop loop, const StreamKernels<T>& kernels, bool drain);

  /// Compares every element and the sum with the closed form after `passes` passes.
  Check check(int passes, std::size_t lanes) const;

  std::uint64_t elements() const { return elements_; }
  T* a() const { return a_; }
  T* b() const { return b_; }
  T* c() const { return c_; }
  double sum() const { return sum_; }
  void set_sum(double sum) { sum_ = sum; }
  const Pages& pages() const { return pages_; }

 private:
  struct Part {
    std::uint64_t begin = 0;
    std::uint64_t count = 0;
  };
  /// Of one thread, in whole cache lines.
  Part part(int thread) const;

  struct alignas(64) PartialSum {
    double value = 0;
  };

  std::uint64_t elements_;
  int threads_;
  Pages pages_;
  T* a_;
  T* b_;
  T* c_;
  double sum_ = 0;
  std::vector<PartialSum> partial_sums_;
};

extern template class StreamArrays<double>;
extern template class StreamArrays<float>;

}  // namespace assay::bench::stream
