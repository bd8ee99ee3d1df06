#include "suites/device/host/onednn.h"

#include <omp.h>

#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

#include "reports/base/error.h"
#include "suites/device/host/cpu.h"
#include "suites/device/host/environment.h"

namespace assay::device {

namespace {

std::string isa_name(dnnl::cpu_isa isa) {
  static const std::pair<dnnl::cpu_isa, const char*> names[] = {
      {dnnl::cpu_isa::sse41, "sse41"},
      {dnnl::cpu_isa::avx, "avx"},
      {dnnl::cpu_isa::avx2, "avx2"},
      {dnnl::cpu_isa::avx2_vnni, "avx2_vnni"},
      {dnnl::cpu_isa::avx512_core, "avx512_core"},
      {dnnl::cpu_isa::avx512_core_vnni, "avx512_core_vnni"},
      {dnnl::cpu_isa::avx512_core_bf16, "avx512_core_bf16"},
      {dnnl::cpu_isa::avx512_core_amx, "avx512_core_amx"}};
  for (const auto& [value, name] : names)
    if (value == isa) return name;
  return "isa " + std::to_string(static_cast<int>(isa));
}

int isa_bits(const std::string& isa) {
  if (isa.rfind("avx512", 0) == 0) return 512;
  if (isa.rfind("avx", 0) == 0) return 256;
  return isa == "sse41" ? 128 : 0;
}

OneDnnFacts find_facts() {
  OneDnnFacts facts;
  std::map<std::string, std::string> limits;
  for (const auto& [name, value] : environment_with({"ONEDNN_", "DNNL_"}))
    if (name.find("_MAX_CPU_ISA") != std::string::npos || name.find("_CPU_ISA_HINTS") != std::string::npos)
      limits.emplace(name, value);
  facts.cleared = to_string(limits);
  {
    // The library reads its variables when it first asks for the instruction set; a limit set by the program
    // goes before them.
    const WithoutEnvironment environment({"ONEDNN_", "DNNL_"});
    dnnl::set_max_cpu_isa(dnnl::cpu_isa::all);
    dnnl::set_cpu_isa_hints(dnnl::cpu_isa_hints::no_hints);
    // Another variable would let it compute f32 products in bf16.
    dnnl::set_default_fpmath_mode(dnnl::fpmath_mode::strict);
    facts.isa = isa_name(dnnl::get_effective_cpu_isa());
  }
  const dnnl_version_t* version = dnnl::version();
  facts.version = std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
                  std::to_string(version->patch);
  const int bits = isa_bits(facts.isa), widest = cpu_features().vector_bits;
  if (bits != 0 && bits < widest)
    facts.warning = "oneDNN is limited to " + facts.isa + " (" + std::to_string(bits) +
                    "-bit vectors) on a processor with " + std::to_string(widest) + "-bit vectors.";
  return facts;
}

dnnl::memory::data_type data_type_of(Element element) {
  switch (element) {
    case Element::f32:
      return dnnl::memory::data_type::f32;
    case Element::bf16:
      return dnnl::memory::data_type::bf16;
    case Element::int8:
      return dnnl::memory::data_type::s8;
    case Element::int32:
      return dnnl::memory::data_type::s32;
    case Element::f64:
    default:
      break;
  }
  throw Error(ExitStatus::cannot_run,
              "oneDNN has no " + std::string(name_of(element)) + " (the host multiplies f64 with OpenBLAS)");
}

dnnl::memory::desc row_major(std::int64_t rows, std::int64_t columns, Element element) {
  return {{rows, columns}, data_type_of(element), dnnl::memory::dims{columns, 1}};
}

class OneDnnGemm : public Gemm {
 public:
  explicit OneDnnGemm(const GemmPlan& plan) : element_(plan.element), threads_(plan.threads) {
    onednn_facts();
    omp_set_num_threads(threads_);
    const auto a = row_major(plan.m, plan.k, plan.element);
    const auto b = row_major(plan.k, plan.n, plan.element);
    const auto c = row_major(plan.m, plan.n, product_of(plan.element));
    try {
      const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine_);
      kernel_ = description.impl_info_str();
      primitive_ = dnnl::matmul(description);
      for (const GemmOperands& operands : plan.slots)
        slots_.push_back({dnnl::memory(a, engine_, operands.a->host()),
                          dnnl::memory(b, engine_, operands.b->host()),
                          dnnl::memory(c, engine_, operands.c->host())});
    } catch (const dnnl::error& error) {
      throw Error(ExitStatus::cannot_run,
                  "oneDNN " + onednn_facts().version + " refuses a product of " +
                      std::string(name_of(plan.element)) + " matrices (" + error.message +
                      ", instruction set " + onednn_facts().isa + ")",
                  "ask for another dtype, or run on a processor that has it");
    }
    // The arguments of each slot, ready to hand over: nothing is built between runs.
    for (const Slot& slot : slots_)
      arguments_.push_back(
          {{{DNNL_ARG_SRC, slot.a.get()}, {DNNL_ARG_WEIGHTS, slot.b.get()}, {DNNL_ARG_DST, slot.c.get()}}});
  }

  void run(int slot) override {
    const auto& arguments = arguments_[static_cast<std::size_t>(slot)];
    omp_set_num_threads(threads_);
    dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), stream_.get(),
                                                  static_cast<int>(arguments.size()), arguments.data());
    if (status == dnnl_success) status = dnnl_stream_wait(stream_.get());
    if (status != dnnl_success)
      throw Error(ExitStatus::cannot_run,
                  "oneDNN could not multiply (status " + std::to_string(status) + ")");
  }

  std::map<std::string, std::string> describe() const override {
    const OneDnnFacts& facts = onednn_facts();
    std::map<std::string, std::string> path = {{"library", "oneDNN " + facts.version},
                                               {"kernel", kernel_},
                                               {"instruction_set", facts.isa},
                                               {"threads", std::to_string(threads_) + " openmp"},
                                               {"output", std::string(name_of(product_of(element_)))},
                                               {"accumulation", element_ == Element::int8 ? "int32" : "f32"}};
    if (!facts.cleared.empty()) path["inherited_cleared"] = facts.cleared;
    std::string warning = facts.warning;
    if (kernel_.find("ref") == 0)
      warning += (warning.empty() ? "" : " ") + std::string("oneDNN uses its plain reference kernel.");
    if (!warning.empty()) path["warning"] = warning;
    return path;
  }

 private:
  struct Slot {
    dnnl::memory a, b, c;
  };
  Element element_;
  int threads_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul primitive_;
  std::string kernel_;
  std::vector<Slot> slots_;
  std::vector<std::array<dnnl_exec_arg_t, 3>> arguments_;
};

}  // namespace

const OneDnnFacts& onednn_facts() {
  static const OneDnnFacts facts = find_facts();
  return facts;
}

std::unique_ptr<Gemm> plan_onednn_gemm(const GemmPlan& plan) {
  return std::make_unique<OneDnnGemm>(plan);
}

}  // namespace assay::device
