#include "suites/device/host/openblas.h"

#include <dlfcn.h>
#include <sched.h>
#include <strings.h>

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <utility>

#include "reports/base/error.h"
#include "suites/device/host/cpu.h"
#include "suites/device/host/environment.h"

namespace assay::device {

namespace {

constexpr int row_major = 101;  // CBLAS
constexpr int not_transposed = 111;
constexpr int transposed = 112;

/// Lets the calling thread run wherever the process may, for as long as it lives. Threads inherit the mask of
/// the thread that creates them; an OpenMP runtime that binds its initial thread would otherwise put all of
/// OpenBLAS's threads on one processor.
class WideAffinity {
 public:
  WideAffinity() {
    const std::vector<int> processors = usable_processors();
    if (processors.empty() || sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    cpu_set_t wide;
    CPU_ZERO(&wide);
    for (const int processor : processors)
      if (processor < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(processor), &wide);
    changed_ = sched_setaffinity(0, sizeof wide, &wide) == 0;
  }
  ~WideAffinity() {
    if (changed_) sched_setaffinity(0, sizeof before_, &before_);
  }
  WideAffinity(const WideAffinity&) = delete;
  WideAffinity& operator=(const WideAffinity&) = delete;

 private:
  cpu_set_t before_ = {};
  bool changed_ = false;
};

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [&name](const char* other) { return strcasecmp(name.c_str(), other) == 0; });
}

class OpenBlasGemm : public Gemm {
 public:
  explicit OpenBlasGemm(const GemmPlan& plan) : plan_(plan), library_(OpenBlas::instance()) {
    if (!library_.missing().empty()) throw Error(ExitStatus::cannot_run, library_.missing());
    threads_ = library_.use_threads(plan.threads);
  }

  void run(int slot) override {
    const GemmOperands& operands = plan_.slots[static_cast<std::size_t>(slot)];
    library_.multiply(plan_.m, plan_.n, plan_.k, static_cast<const double*>(operands.a->host()),
                      static_cast<const double*>(operands.b->host()),
                      static_cast<double*>(operands.c->host()));
  }

  std::map<std::string, std::string> describe() const override {
    std::map<std::string, std::string> path = {
        {"library", "OpenBLAS " + library_.version()},
        {"kernel", library_.core()},
        {"threads", std::to_string(threads_) + " " + library_.threading()},
        {"output", "f64"},
        {"accumulation", "f64"}};
    if (library_.detected_core() != library_.core()) path["kernel_by_default"] = library_.detected_core();
    if (!library_.cleared().empty()) path["inherited_cleared"] = to_string(library_.cleared());
    std::string warning = library_.warning();
    if (threads_ != plan_.threads)
      warning += (warning.empty() ? "" : " ") + std::string("OpenBLAS uses ") + std::to_string(threads_) +
                 " threads of the " + std::to_string(plan_.threads) +
                 " asked for, as many as it is built for.";
    if (!warning.empty()) path["warning"] = warning;
    return path;
  }

 private:
  GemmPlan plan_;
  OpenBlas& library_;
  int threads_ = 1;
};

}  // namespace

int openblas_vector_bits(const std::string& core) {
  if (is_one_of(core, {"SkylakeX", "Cooperlake", "SapphireRapids"})) return 512;
  if (is_one_of(core,
                {"Haswell", "Zen", "Excavator", "Sandybridge", "Bulldozer", "Piledriver", "Steamroller"}))
    return 256;
  if (is_one_of(core, {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Atom", "Nano", "Katmai",
                       "Coppermine", "Northwood", "Banias", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona",
                       "Bobcat"}))
    return 128;
  return 0;
}

OpenBlas& OpenBlas::instance() {
  static OpenBlas library{std::string()};
  return library;
}

bool OpenBlas::load(const std::string& core_type) {
  WithoutEnvironment environment({"OPENBLAS_", "GOTO_"});
  if (cleared_.empty()) cleared_ = environment.cleared();
  // One thread for now, so that the library does not start as many as there are processors.
  environment.set("OPENBLAS_NUM_THREADS", "1");
  if (!core_type.empty()) environment.set("OPENBLAS_CORETYPE", core_type);
  library_ = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) {
    const char* reason = dlerror();
    missing_ = std::string("OpenBLAS cannot be loaded (") + (reason != nullptr ? reason : "no reason given") +
               "; f64 products need it); install libopenblas0-pthread";
    return false;
  }
  dgemm_ = reinterpret_cast<Dgemm>(dlsym(library_, "cblas_dgemm"));
  set_threads_ = reinterpret_cast<void (*)(int)>(dlsym(library_, "openblas_set_num_threads"));
  get_threads_ = reinterpret_cast<int (*)()>(dlsym(library_, "openblas_get_num_threads"));
  const auto core = reinterpret_cast<char* (*)()>(dlsym(library_, "openblas_get_corename"));
  const auto config = reinterpret_cast<char* (*)()>(dlsym(library_, "openblas_get_config"));
  const auto parallel = reinterpret_cast<int (*)()>(dlsym(library_, "openblas_get_parallel"));
  if (dgemm_ == nullptr || set_threads_ == nullptr || get_threads_ == nullptr || core == nullptr ||
      config == nullptr || parallel == nullptr) {
    missing_ =
        "libopenblas.so.0 lacks a function of OpenBLAS's interface (f64 products need it); install "
        "libopenblas0-pthread";
    return false;
  }
  core_ = core();
  config_ = config();
  threading_ = parallel() == 0 ? "sequential" : parallel() == 1 ? "pthreads" : "openmp";
  std::istringstream words(config_);
  for (std::string word; words >> word;)
    if (!word.empty() && word[0] >= '0' && word[0] <= '9') {
      version_ = word;
      break;
    }
  return true;
}

OpenBlas::OpenBlas(const std::string& first_type) {
  if (!load(first_type)) return;
  detected_core_ = core_;
  const int widest = cpu_features().vector_bits;
  const auto too_narrow = [&] {
    const int bits = openblas_vector_bits(core_);
    return bits != 0 && bits < widest;
  };
  // A library older than the processor takes it for an earlier one. The types tried are the plainest of each
  // width, which every build for several types has; a forced type that the library does not know changes
  // nothing.
  if (too_narrow() && dlclose(library_) == 0 && !load(widest == 512 ? "SkylakeX" : "Haswell")) return;
  if (too_narrow())
    warning_ = "OpenBLAS runs " + core_ + " kernels (" + std::to_string(openblas_vector_bits(core_)) +
               "-bit vectors) on a processor with " + std::to_string(widest) + "-bit vectors.";
}

int OpenBlas::use_threads(int threads) {
  const WideAffinity wide;
  set_threads_(threads);
  return threading_ == "sequential" ? 1 : get_threads_();
}

void OpenBlas::multiply(std::int64_t m, std::int64_t n, std::int64_t k, const double* a, const double* b,
                        double* c) const {
  const int rows = static_cast<int>(m), columns = static_cast<int>(n), depth = static_cast<int>(k);
  dgemm_(row_major, not_transposed, not_transposed, rows, columns, depth, 1.0, a, depth, b, columns, 0.0, c,
         columns);
}

void OpenBlas::multiply(std::int64_t m, std::int64_t n, std::int64_t k, Factor a, Factor b, bool accumulate,
                        double* c) const {
  const int rows = static_cast<int>(m), columns = static_cast<int>(n), depth = static_cast<int>(k);
  dgemm_(row_major, a.transposed ? transposed : not_transposed, b.transposed ? transposed : not_transposed,
         rows, columns, depth, 1.0, a.values, a.transposed ? rows : depth, b.values,
         b.transposed ? depth : columns, accumulate ? 1.0 : 0.0, c, columns);
}

std::unique_ptr<Gemm> plan_openblas_gemm(const GemmPlan& plan) {
  return std::make_unique<OpenBlasGemm>(plan);
}

}  // namespace assay::device
