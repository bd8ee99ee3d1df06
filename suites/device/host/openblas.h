// OpenBLAS for f64, opened at run time: the library obeys OPENBLAS_* variables while it is loaded, and a
// stray OPENBLAS_CORETYPE can halve it. With the library linked, even the first line of main is too late to
// clear them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "suites/device/device.h"

namespace assay::device {

class OpenBlas {
 public:
  /// Loads the library on first use, without the inherited OPENBLAS_* and GOTO_* variables. When the
  /// library's own choice is narrower than the processor's vectors, it is loaded again as a type that fits.
  static OpenBlas& instance();
  /// A library of its own for a test: loaded at first as if it had chosen `first_type` by itself.
  explicit OpenBlas(const std::string& first_type);

  /// Empty when it is usable, else the reason and what to do.
  const std::string& missing() const { return missing_; }
  /// Kernels in use ("SkylakeX"), and what the library chose by itself.
  const std::string& core() const { return core_; }
  const std::string& detected_core() const { return detected_core_; }
  const std::string& config() const { return config_; }
  const std::string& version() const { return version_; }
  const std::string& threading() const { return threading_; }  ///< "pthreads", "openmp" or "sequential"
  const std::map<std::string, std::string>& cleared() const { return cleared_; }
  /// One sentence when the kernels are narrower than the processor's vectors, else empty.
  const std::string& warning() const { return warning_; }

  /// Makes the library use this many threads, on any processor that the process may use. Returns the number
  /// that it really uses (it is built with a limit).
  int use_threads(int threads);
  /// C = A B, row-major.
  void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, const double* b,
                double* c) const;
  /// C = A B, or C += A B, row-major; A is m x k and B is k x n, each stored as it is or transposed.
  struct Factor {
    const double* values = nullptr;
    bool transposed = false;
  };
  void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Factor a, Factor b, bool accumulate,
                double* c) const;

 private:
  bool load(const std::string& core_type);

  using Dgemm = void (*)(int, int, int, int, int, int, double, const double*, int, const double*, int, double,
                         double*, int);
  void* library_ = nullptr;
  Dgemm dgemm_ = nullptr;
  void (*set_threads_)(int) = nullptr;
  int (*get_threads_)() = nullptr;
  std::string missing_, core_, detected_core_, config_, version_, threading_, warning_;
  std::map<std::string, std::string> cleared_;
};

/// Bits of the vectors that kernels of an OpenBLAS core type use for f64; 0: not known.
int openblas_vector_bits(const std::string& core);

std::unique_ptr<Gemm> plan_openblas_gemm(const GemmPlan& plan);

}  // namespace assay::device
