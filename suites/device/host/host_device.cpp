// The host as a device: OpenBLAS for f64, oneDNN for the rest, memory on huge pages.
#include <sys/mman.h>

#include <cstdlib>
#include <fstream>
#include <new>

#include "suites/device/device.h"
#include "suites/device/host/cpu.h"
#include "suites/device/host/fma_probe.h"
#include "suites/device/host/onednn.h"
#include "suites/device/host/openblas.h"
#include "suites/device/operators.h"

namespace assay::device {

namespace {

class HostBuffer : public Buffer {
 public:
  explicit HostBuffer(std::size_t bytes) : bytes_(bytes) {
    constexpr std::size_t huge_page = std::size_t{2} << 20, cache_line = 64;
    const std::size_t alignment = bytes >= 2 * huge_page ? huge_page : cache_line;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    memory_ = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    if (memory_ == nullptr) throw std::bad_alloc();
    // Large matrices on small pages miss the TLB; where the system offers huge pages on request, ask.
    if (alignment == huge_page) madvise(memory_, rounded, MADV_HUGEPAGE);
  }
  ~HostBuffer() override { std::free(memory_); }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  void* host() override { return memory_; }
  std::size_t bytes() const override { return bytes_; }
  void push() override {}
  void pull() override {}

 private:
  void* memory_ = nullptr;
  std::size_t bytes_;
};

class HostDevice : public Device {
 public:
  std::string kind() const override { return "cpu"; }
  std::string name() const override { return cpu_model(); }

  std::unique_ptr<Buffer> allocate(std::size_t bytes) override { return std::make_unique<HostBuffer>(bytes); }

  std::optional<std::uint64_t> available_bytes() const override {
    std::ifstream file("/proc/meminfo");
    std::string key;
    for (std::uint64_t kibibytes = 0; file >> key >> kibibytes; file.ignore(64, '\n'))
      if (key == "MemAvailable:") return kibibytes * 1024;
    return std::nullopt;
  }

  std::unique_ptr<Operators> operators(Element element, int threads) override {
    return host_operators(element, threads);
  }

  std::string gemm_unsupported(Element element) override {
    switch (element) {
      case Element::f64:
        return OpenBlas::instance().missing();
      case Element::f32:
      case Element::int8:
        return {};
      case Element::bf16:
        if (cpu_features().avx512_bf16 || cpu_features().amx_bf16) return {};
        return cpu_model() +
               " has no bf16 arithmetic (an emulated product would say nothing about the machine); needs "
               "AVX-512 "
               "BF16 or AMX";
      case Element::int32:
        return "no product of int32 matrices";
      case Element::tf32:
      case Element::f16:
      case Element::fp8_e4m3:
      case Element::fp8_e5m2:
        break;
    }
    return "processors multiply no " + std::string(name_of(element)) + " matrices; run it with --device gpu";
  }

  std::unique_ptr<Gemm> plan_gemm(const GemmPlan& plan) override {
    return plan.element == Element::f64 ? plan_openblas_gemm(plan) : plan_onednn_gemm(plan);
  }

  int largest_int8() const override {
    // Without VNNI, libraries multiply pairs of bytes into 16 bits with saturation, one factor moved up by
    // 128: 2 (128 + r) r <= 32767 holds up to r = 79; 63 leaves room.
    const CpuFeatures& cpu = cpu_features();
    return cpu.avx512_vnni || cpu.avx_vnni || cpu.amx_int8 ? 127 : 63;
  }

  std::optional<Ceiling> gemm_ceiling(Element element, int threads) override {
    return measure_fma_ceiling(element, threads);
  }

  std::map<std::string, std::string> libraries() override {
    std::map<std::string, std::string> found = {{"onednn_version", onednn_facts().version},
                                                {"onednn_isa", onednn_facts().isa}};
    const OpenBlas& blas = OpenBlas::instance();
    if (blas.missing().empty()) {
      found["openblas_version"] = blas.version();
      found["openblas_config"] = blas.config();
      found["openblas_core"] = blas.core();
      found["openblas_core_by_default"] = blas.detected_core();
      found["openblas_threading"] = blas.threading();
    }
    return found;
  }

  std::vector<std::string> warnings() override {
    std::vector<std::string> found;
    const OpenBlas& blas = OpenBlas::instance();
    if (!blas.missing().empty()) found.push_back(blas.missing() + ".");
    if (!blas.warning().empty()) found.push_back(blas.warning());
    if (!onednn_facts().warning.empty()) found.push_back(onednn_facts().warning);
    return found;
  }
};

}  // namespace

Device& host() {
  static HostDevice device;
  return device;
}

}  // namespace assay::device
