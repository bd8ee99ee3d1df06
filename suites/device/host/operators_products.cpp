#include "suites/device/host/operators_products.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/host/onednn.h"
#include "suites/device/host/openblas.h"
#include "suites/device/host/operators_kernels.h"
#include "suites/device/host/scratch.h"

namespace assay::device {

namespace {

[[noreturn]] void not_reserved(const Product& product) {
  throw std::logic_error("a product of " + std::to_string(product.rows) + " rows, " +
                         std::to_string(product.in) + " in and " + std::to_string(product.out) +
                         " out was not reserved before the first step");
}

class OpenBlasProducts : public Products {
 public:
  explicit OpenBlasProducts(int threads) : library_(OpenBlas::instance()) {
    if (!library_.missing().empty()) throw Error(ExitStatus::cannot_run, library_.missing());
    threads_ = library_.use_threads(threads);
  }

  void reserve(const Product&) override {}

  void run(const Product& product, ConstValues a, ConstValues b, ConstValues bias, Values c,
           bool accumulate) override {
    const auto* const left = static_cast<const double*>(a);
    const auto* const right = static_cast<const double*>(b);
    auto* const result = static_cast<double*>(c);
    const std::int64_t rows = product.rows, in = product.in, out = product.out;
    switch (product.form) {
      case ProductForm::forward:
        if (bias != nullptr)
          for (std::int64_t r = 0; r < rows; ++r)
            std::copy_n(static_cast<const double*>(bias), out, result + r * out);
        library_.multiply(rows, out, in, {left}, {right, true}, accumulate || bias != nullptr, result);
        return;
      case ProductForm::input:
        library_.multiply(rows, in, out, {left}, {right}, accumulate, result);
        return;
      case ProductForm::weight:
        library_.multiply(out, in, rows, {left, true}, {right}, accumulate, result);
        return;
    }
  }

  std::int64_t scratch_bytes() const override { return 0; }

  std::map<std::string, std::string> describe() const override {
    std::map<std::string, std::string> path = {
        {"library", "OpenBLAS " + library_.version()},
        {"kernel", library_.core()},
        {"product_threads", std::to_string(threads_) + " " + library_.threading()}};
    if (!library_.warning().empty()) path["warning"] = library_.warning();
    return path;
  }

 private:
  OpenBlas& library_;
  int threads_ = 1;
};

void require(dnnl_status_t status) {
  if (status != dnnl_success)
    throw Error(ExitStatus::cannot_run, "oneDNN could not multiply (status " + std::to_string(status) + ")");
}

class OneDnnProducts : public Products {
 public:
  OneDnnProducts(Element element, int threads, bool counting)
      : type_(element == Element::f32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16),
        threads_(threads),
        counting_(counting),
        scratch_(counting),
        piece_(counting) {
    onednn_facts();
  }

  void reserve(const Product& product) override {
    if (plans_.count(product) != 0) return;
    omp_set_num_threads(threads_);
    try {
      Plan& plan = plans_[product];
      plan.overwrite = compile(product, false, false);
      if (product.form == ProductForm::weight && !sums_in_place()) {
        plan.piece_rows = std::min(product.out, std::max<std::int64_t>(piece_numbers / product.in, 64));
        plan.piece = compile(product, false, false, plan.piece_rows);
        const std::int64_t rest = product.out % plan.piece_rows;
        if (rest != 0) plan.last_piece = compile(product, false, false, rest);
        piece_.reserve(static_cast<std::size_t>(plan.piece_rows * product.in) * sizeof(float));
        return;
      }
      if (product.form == ProductForm::forward && !product.exact)
        plan.with_bias = compile(product, true, false);
      if (product.exact && product.form != ProductForm::forward)
        plan.accumulate = compile(product, false, true);
    } catch (const dnnl::error& error) {
      plans_.erase(product);
      throw Error(ExitStatus::cannot_run,
                  "oneDNN " + onednn_facts().version + " refuses a product of " +
                      (type_ == dnnl::memory::data_type::f32 ? "f32" : "bf16") + " matrices (" +
                      error.message + ", instruction set " + onednn_facts().isa + ")",
                  "ask for another precision, or run on a processor that has it");
    }
  }

  void run(const Product& product, ConstValues a, ConstValues b, ConstValues bias, Values c,
           bool accumulate) override {
    omp_set_num_threads(threads_);
    const auto found = plans_.find(product);
    if (found == plans_.end()) not_reserved(product);
    Plan& plan = found->second;
    if (product.form == ProductForm::weight && accumulate && !sums_in_place()) {
      accumulate_weight(product, plan, static_cast<const Bf16*>(a), b, static_cast<float*>(c));
      return;
    }
    std::optional<Compiled>& chosen = bias != nullptr ? plan.with_bias
                                      : accumulate    ? plan.accumulate
                                                      : plan.overwrite;
    if (!chosen) not_reserved(product);
    execute(*chosen, a, b, bias, c);
  }

  std::int64_t scratch_bytes() const override {
    return static_cast<std::int64_t>(scratch_.bytes() + piece_.bytes());
  }

  std::map<std::string, std::string> describe() const override {
    const OneDnnFacts& facts = onednn_facts();
    std::map<std::string, std::string> path = {{"library", "oneDNN " + facts.version},
                                               {"instruction_set", facts.isa},
                                               {"product_threads", std::to_string(threads_) + " openmp"}};
    std::string warning = facts.warning;
    std::string& kernels = path["kernel"];
    for (const std::string& kernel : kernels_) {
      kernels += (kernels.empty() ? "" : ", ") + kernel;
      if (kernel.rfind("ref", 0) == 0)
        warning += (warning.empty() ? "" : " ") + std::string("oneDNN uses its plain reference kernel.");
    }
    if (!warning.empty()) path["warning"] = warning;
    return path;
  }

 private:
  struct Compiled {
    dnnl::matmul primitive;
    dnnl::memory a, b, bias, c, scratchpad;
  };
  struct Plan {
    std::optional<Compiled> overwrite, with_bias, accumulate, piece, last_piece;
    std::int64_t piece_rows = 0;
  };
  static constexpr std::int64_t piece_numbers = std::int64_t{1} << 19;

  void execute(Compiled& chosen, ConstValues a, ConstValues b, ConstValues bias, Values c) {
    chosen.a.set_data_handle(const_cast<void*>(a));
    chosen.b.set_data_handle(const_cast<void*>(b));
    chosen.c.set_data_handle(c);
    chosen.scratchpad.set_data_handle(scratch_.get());
    if (bias != nullptr) chosen.bias.set_data_handle(const_cast<void*>(bias));
    const std::array<dnnl_exec_arg_t, 5> arguments = {{{DNNL_ARG_SRC, chosen.a.get()},
                                                       {DNNL_ARG_WEIGHTS, chosen.b.get()},
                                                       {DNNL_ARG_DST, chosen.c.get()},
                                                       {DNNL_ARG_SCRATCHPAD, chosen.scratchpad.get()},
                                                       {DNNL_ARG_BIAS, chosen.bias.get(true)}}};
    require(dnnl_primitive_execute(chosen.primitive.get(), stream_.get(), bias != nullptr ? 5 : 4,
                                   arguments.data()));
    require(dnnl_stream_wait(stream_.get()));
  }

  /// f32: a piece of A would be a matrix with a stride, which the library leaves to a kernel that allocates.
  bool sums_in_place() const { return type_ == dnnl::memory::data_type::f32; }

  /// In bf16 the library's own sum in place is a third slower than overwriting (measured: 250 against 390
  /// GFLOP/s a core); so pieces of the product are computed beside and added while they are in the caches.
  void accumulate_weight(const Product& product, Plan& plan, const Bf16* a, ConstValues b, float* c) {
    auto* const beside = static_cast<float*>(piece_.get());
    for (std::int64_t start = 0; start < product.out; start += plan.piece_rows) {
      const std::int64_t count = std::min(plan.piece_rows, product.out - start);
      execute(count == plan.piece_rows ? *plan.piece : *plan.last_piece, a + start, b, nullptr, beside);
      float* const to = c + start * product.in;
      const std::int64_t numbers = count * product.in;
#pragma omp parallel num_threads(threads_)
      {
        const std::int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
        const std::int64_t first = numbers * thread / threads, last = numbers * (thread + 1) / threads;
        add_(last - first, beside + first, to + first);
      }
    }
  }

  /// `piece`: so many rows of a weight's gradient; 0: all.
  Compiled compile(const Product& product, bool with_bias, bool accumulate, std::int64_t piece = 0) {
    using Dims = dnnl::memory::dims;
    const std::int64_t rows = product.rows, in = product.in, out = product.out,
                       written = piece != 0 ? piece : out;
    const auto exact = dnnl::memory::data_type::f32;
    const auto result = product.exact ? exact : type_;
    const auto describe_factors = [&]() -> std::array<dnnl::memory::desc, 3> {
      switch (product.form) {
        case ProductForm::forward:
          return {{{{rows, in}, type_, Dims{in, 1}},
                   {{in, out}, type_, Dims{1, in}},
                   {{rows, out}, result, Dims{out, 1}}}};
        case ProductForm::input:
          return {{{{rows, out}, type_, Dims{out, 1}},
                   {{out, in}, type_, Dims{in, 1}},
                   {{rows, in}, result, Dims{in, 1}}}};
        case ProductForm::weight:
          break;
      }
      return {{{{written, rows}, type_, Dims{1, out}},
               {{rows, in}, type_, Dims{in, 1}},
               {{written, in}, exact, Dims{in, 1}}}};
    };
    const auto [a, b, c] = describe_factors();
    const dnnl::memory::desc bias({1, out}, type_, Dims{out, 1});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (accumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc description(
        with_bias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c), attributes, engine_);
    kernels_.insert(description.impl_info_str());
    scratch_.reserve(description.scratchpad_desc().get_size());
    Compiled compiled;
    if (counting_) return compiled;
    compiled.primitive = dnnl::matmul(description);
    compiled.a = dnnl::memory(a, engine_, nullptr);
    compiled.b = dnnl::memory(b, engine_, nullptr);
    compiled.c = dnnl::memory(c, engine_, nullptr);
    compiled.scratchpad = dnnl::memory(description.scratchpad_desc(), engine_, nullptr);
    if (with_bias) compiled.bias = dnnl::memory(bias, engine_, nullptr);
    return compiled;
  }

  dnnl::memory::data_type type_;
  int threads_;
  bool counting_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<Product, Plan> plans_;
  Scratch scratch_, piece_;
  void (*add_)(std::int64_t count, const float* x, float* y) = kernels<float>().add;
  std::set<std::string> kernels_;
};

}  // namespace

std::unique_ptr<Products> openblas_products(int threads) {
  return std::make_unique<OpenBlasProducts>(threads);
}

std::unique_ptr<Products> onednn_products(Element element, int threads, bool counting) {
  return std::make_unique<OneDnnProducts>(element, threads, counting);
}

}  // namespace assay::device
