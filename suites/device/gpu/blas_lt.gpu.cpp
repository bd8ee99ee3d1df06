// Products planned with cuBLASLt or hipBLASLt, from one source.
#include "suites/device/gpu/blas_lt.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "suites/device/gpu/blas.h"

namespace assay::gpu {

using device::Element;
using device::GemmOperands;
using device::GemmPlan;

#if ASSAY_HAS_LT

using namespace lt;

namespace {

constexpr std::size_t workspace_bytes = std::size_t{64} << 20;
constexpr int most_candidates = 24;
constexpr double warm_up_s = 0.1;  // before candidates are compared: an idle clock flatters the later ones
constexpr double comparing_s = 2;  // candidates that do not fit into it are not tried

/// What the heuristic proposes, best first by its own judgement. A plain array: the library's types have no
/// names of their own, and nvcc 13 fails on a vector of such.
struct Proposals {
  ASSAY_LT(MatmulHeuristicResult_t) list[most_candidates];
  std::size_t count = 0;
};

/// The types of a product in the library's words.
struct Types {
  BlasType a, b, c, scale;
  BlasCompute compute;
  const char* accumulation;
};

Types types_of(Element element) {
  const BlasType f64 = ASSAY_TYPE(R_64F), f32 = ASSAY_TYPE(R_32F), f16 = ASSAY_TYPE(R_16F),
                 bf16 = ASSAY_TYPE(R_16BF), int8 = ASSAY_TYPE(R_8I), int32 = ASSAY_TYPE(R_32I);
  const BlasCompute in_f32 = ASSAY_BLAS_CONSTANT(COMPUTE_32F);
  switch (element) {
    case Element::f64:
      return {f64, f64, f64, f64, ASSAY_BLAS_CONSTANT(COMPUTE_64F), "f64"};
    case Element::tf32:
      return {f32, f32, f32, f32, ASSAY_BLAS_CONSTANT(COMPUTE_32F_FAST_TF32), "f32"};
    case Element::f16:
      return {f16, f16, f16, f32, in_f32, "f32"};
    case Element::bf16:
      return {bf16, bf16, bf16, f32, in_f32, "f32"};
    case Element::int8:
      return {int8, int8, int32, int32, ASSAY_BLAS_CONSTANT(COMPUTE_32I), "int32"};
    case Element::fp8_e4m3:
      return {type_e4m3, type_e4m3, bf16, f32, in_f32, "f32, without fast accumulation"};
    case Element::fp8_e5m2:
      return {type_e5m2, type_e4m3, bf16, f32, in_f32, "f32, without fast accumulation"};
    default:
      return {f32, f32, f32, f32, in_f32, "f32"};
  }
}

std::string no_match(const GemmPlan& plan) {
  return std::string(library_name) + " has no algorithm for " + std::string(name_of(plan.element)) + " at " +
         std::to_string(plan.m) + " x " + std::to_string(plan.n) + " x " + std::to_string(plan.k) +
         " on this GPU; try multiples of 16, or another dtype";
}

class LibraryGemm final : public device::Gemm {
 public:
  LibraryGemm(const GemmPlan& plan, Queue& queue)
      : slots_(plan.slots), types_(types_of(plan.element)), queue_(queue), workspace_(workspace_bytes) {
    describe_product(plan);
    const Proposals candidates = ask_heuristic(plan);
    choose(candidates);
    description_ = {{"library", std::string(library_name) + " " + blas_library().version},
                    {"kernel", algorithm_words()},
                    {"accumulation", types_.accumulation},
                    {"output", std::string(name_of(product_of(plan.element)))},
                    {"operands", blas_takes_b_transposed(plan.element)
                                     ? "B stored as its transpose, as the library wants it"
                                     : "A and B plain, row-major"}};
  }
  ~LibraryGemm() override {
    for (const auto layout : {a_, b_, c_})
      if (layout != nullptr) functions().destroy_layout(layout);
    if (operation_ != nullptr) functions().destroy_operation(operation_);
  }
  LibraryGemm(const LibraryGemm&) = delete;
  LibraryGemm& operator=(const LibraryGemm&) = delete;

  void run(int slot) override {
    require(multiply(algorithm_, static_cast<std::size_t>(slot)), "a product that it had planned");
  }
  void finish() override { queue_.finish(); }
  std::map<std::string, std::string> describe() const override { return description_; }

 private:
  using Algorithm = ASSAY_LT(MatmulAlgo_t);

  struct Timed {
    std::size_t place;
    double seconds;
  };

  struct Workspace {
    explicit Workspace(std::size_t bytes) : memory(allocate_bytes(bytes)) {}
    ~Workspace() { release_bytes(memory); }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    void* memory;
  };

  /// The library counts by columns: it sees the transposes, and C^T = B^T A^T. So B comes first; stored
  /// plainly it is what the library calls not transposed, stored as its transpose it is transposed.
  void describe_product(const GemmPlan& plan) {
    const Functions& f = functions();
    require(f.create_operation(&operation_, types_.compute, types_.scale), "a description");
    const bool transposed = blas_takes_b_transposed(plan.element);
    const BlasOperation first = transposed ? ASSAY_BLAS_CONSTANT(OP_T) : ASSAY_BLAS_CONSTANT(OP_N);
    const BlasOperation second = ASSAY_BLAS_CONSTANT(OP_N);
    require(f.set_operation(operation_, ASSAY_LT_CONSTANT(MATMUL_DESC_TRANSA), &first, sizeof first),
            "a transposed operand");
    require(f.set_operation(operation_, ASSAY_LT_CONSTANT(MATMUL_DESC_TRANSB), &second, sizeof second),
            "a plain operand");
    const auto m = static_cast<std::uint64_t>(plan.m), n = static_cast<std::uint64_t>(plan.n),
               k = static_cast<std::uint64_t>(plan.k);
    require(transposed ? f.create_layout(&b_, types_.b, k, n, plan.k)
                       : f.create_layout(&b_, types_.b, n, k, plan.n),
            "B's layout");
    require(f.create_layout(&a_, types_.a, k, m, plan.k), "A's layout");
    require(f.create_layout(&c_, types_.c, n, m, plan.n), "C's layout");
  }

  Proposals ask_heuristic(const GemmPlan& plan) {
    const Functions& f = functions();
    ASSAY_LT(MatmulPreference_t) preference = nullptr;
    require(f.create_preference(&preference), "a preference");
    const std::size_t workspace = workspace_bytes;
    BlasStatus status = f.set_preference(preference, ASSAY_LT_CONSTANT(MATMUL_PREF_MAX_WORKSPACE_BYTES),
                                         &workspace, sizeof workspace);
    Proposals found{};
    int count = 0;
    if (status == ASSAY_BLAS_CONSTANT(STATUS_SUCCESS))
      status =
          f.heuristic(handle(), operation_, b_, a_, c_, c_, preference, most_candidates, found.list, &count);
    f.destroy_preference(preference);
    for (int i = 0; i < count; ++i)
      if (found.list[i].state == ASSAY_BLAS_CONSTANT(STATUS_SUCCESS))
        found.list[found.count++] = found.list[i];
    if (status != ASSAY_BLAS_CONSTANT(STATUS_SUCCESS) || found.count == 0) throw GpuError(no_match(plan));
    return found;
  }

  BlasStatus multiply(const Algorithm& algorithm, std::size_t slot) {
    static constexpr float one_f32 = 1, zero_f32 = 0;
    static constexpr double one_f64 = 1, zero_f64 = 0;
    static constexpr std::int32_t one_int32 = 1, zero_int32 = 0;
    const void *one = &one_f32, *zero = &zero_f32;
    if (types_.scale == ASSAY_TYPE(R_64F)) one = &one_f64, zero = &zero_f64;
    if (types_.scale == ASSAY_TYPE(R_32I)) one = &one_int32, zero = &zero_int32;
    const GemmOperands& operands = slots_[slot];
    return functions().multiply(handle(), operation_, one, operands.b->device(), b_, operands.a->device(), a_,
                                zero, operands.c->device(), c_, operands.c->device(), c_, &algorithm,
                                workspace_.memory, workspace_bytes, static_cast<Stream>(queue_.stream()));
  }

  /// Seconds of one product, the mean of `times` over the slots; negative when it does not run.
  double time(const Algorithm& algorithm, int times) {
    watch_.start(queue_);
    for (int i = 0; i < times; ++i)
      if (multiply(algorithm, static_cast<std::size_t>(i) % slots_.size()) !=
          ASSAY_BLAS_CONSTANT(STATUS_SUCCESS))
        return -1;
    watch_.stop(queue_);
    return watch_.seconds() / times;
  }

  /// Times the candidates, those that look best twice, and keeps the fastest.
  void choose(const Proposals& candidates) {
    std::size_t working = 0;  // the first that runs at all
    double once_s = -1;
    for (; working < candidates.count && once_s < 0; ++working)
      once_s = time(candidates.list[working].algo, 1);
    if (once_s < 0)
      throw GpuError(std::string(library_name) + " runs none of its own proposals; see its log");
    --working;
    for (double spent_s = once_s; spent_s < warm_up_s;) {
      const int times = std::clamp(static_cast<int>(0.2 * warm_up_s / once_s), 1, 100);
      once_s = std::max(1e-7, time(candidates.list[working].algo, times));
      spent_s += once_s * times;
    }
    std::vector<Timed> timed;
    double spent_s = 0;
    for (std::size_t place = working; place < candidates.count && spent_s < comparing_s; ++place) {
      const int times = std::clamp(static_cast<int>(0.01 / once_s), 2, 20);
      if (time(candidates.list[place].algo, 1) < 0) continue;
      const double seconds = time(candidates.list[place].algo, times);
      if (seconds < 0) continue;
      timed.push_back({place, seconds});
      spent_s += seconds * (times + 1);
    }
    if (timed.empty()) throw GpuError(std::string(library_name) + " stopped running its own proposals");
    first_s_ = timed.front().seconds;
    tried_ = timed.size();
    std::sort(timed.begin(), timed.end(),
              [](const Timed& x, const Timed& y) { return x.seconds < y.seconds; });
    // The first few once more, in turn: a difference of a percent is one of the moment.
    timed.resize(std::min<std::size_t>(timed.size(), 4));
    for (Timed& one : timed) {
      const int times = std::clamp(static_cast<int>(0.03 / one.seconds), 3, 50);
      one.seconds = time(candidates.list[one.place].algo, times);
    }
    const auto best = std::min_element(timed.begin(), timed.end(),
                                       [](const Timed& x, const Timed& y) { return x.seconds < y.seconds; });
    best_s_ = best->seconds;
    place_ = best->place;
    algorithm_ = candidates.list[best->place].algo;
  }

  std::string algorithm_words() const {
    std::string words;
#if defined(ASSAY_GPU_CUDA)
    const std::pair<const char*, cublasLtMatmulAlgoConfigAttributes_t> parts[] = {
        {"algorithm ", CUBLASLT_ALGO_CONFIG_ID},
        {", tile ", CUBLASLT_ALGO_CONFIG_TILE_ID},
        {", stages ", CUBLASLT_ALGO_CONFIG_STAGES_ID},
        {", split-k ", CUBLASLT_ALGO_CONFIG_SPLITK_NUM}};
    for (const auto& [name, which] : parts) {
      std::uint32_t value = 0;
      std::size_t written = 0;
      if (functions().configuration(&algorithm_, which, &value, sizeof value, &written) ==
          CUBLAS_STATUS_SUCCESS)
        words += name + std::to_string(value);
    }
    words += "; ";
#endif
    const int gain = static_cast<int>(1000 * first_s_ / best_s_ + 0.5);
    return words + "proposal " + std::to_string(place_ + 1) + " of the heuristic, " + std::to_string(tried_) +
           " timed, " + std::to_string(gain / 1000) + "." + std::to_string(1000 + gain % 1000).substr(1) +
           " times as fast as its first";
  }

  std::vector<GemmOperands> slots_;
  Types types_;
  Queue& queue_;
  Workspace workspace_;
  Stopwatch watch_;
  ASSAY_LT(MatmulDesc_t) operation_ = nullptr;
  ASSAY_LT(MatrixLayout_t) a_ = nullptr, b_ = nullptr, c_ = nullptr;
  Algorithm algorithm_{};
  std::size_t place_ = 0, tried_ = 0;
  double first_s_ = 0, best_s_ = 1;
  std::map<std::string, std::string> description_;
};

}  // namespace

std::unique_ptr<device::Gemm> plan_blas_gemm(const GemmPlan& plan, Queue& queue) {
  return std::make_unique<LibraryGemm>(plan, queue);
}

#else

std::unique_ptr<device::Gemm> plan_blas_gemm(const GemmPlan&, Queue&) {
  throw GpuError(blas_library().missing);
}

#endif

}  // namespace assay::gpu
