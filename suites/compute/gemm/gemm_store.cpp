#include "suites/compute/gemm/gemm_store.h"

#include "suites/compute/gemm/gemm_data.h"
#include "suites/device/gpu/build.h"

namespace assay::bench {

namespace {

class HostGemmStore final : public GemmStore {
 public:
  void fill(device::Buffer& buffer, std::size_t count, device::Element element, int range,
            std::uint64_t key) override {
    fill_uniform(buffer.host(), count, element, range, key);
  }
  void poison(device::Buffer& buffer, std::size_t count, device::Element element) override {
    fill_poison(buffer.host(), count, element);
  }
  double read(device::Buffer& buffer, std::size_t index, device::Element element) override {
    return element_at(buffer.host(), index, element);
  }
  void write(device::Buffer& buffer, std::size_t index, device::Element element, double value) override {
    set_element(buffer.host(), index, element, value);
  }
  ProductCheck check(const StoredProduct& product, std::uint64_t seed) override {
    const auto& [gemm, transposed, operands, range, a_key, b_key] = product;
    return check_product(
        {gemm.element, gemm.m, gemm.n, gemm.k, operands.a->host(), operands.b->host(), operands.c->host()},
        seed);
  }
  const char* place() const override { return ""; }
};

}  // namespace

std::unique_ptr<GemmStore> host_gemm_store() {
  return std::make_unique<HostGemmStore>();
}

std::unique_ptr<GemmStore> gemm_store_for(device::Device& device) {
  if constexpr (gpu::compiled) {
    if (device.kind() == "gpu") return gpu_gemm_store(device);
  }
  return host_gemm_store();
}

}  // namespace assay::bench
