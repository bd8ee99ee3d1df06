// The matrices of compute/gemm where the device keeps them: filled, poisoned, read and checked there.
#pragma once

#include <cstdint>
#include <memory>

#include "suites/compute/gemm/gemm.h"
#include "suites/compute/gemm/gemm_check.h"
#include "suites/device/device.h"

namespace assay::bench {

/// One slot: a product as it is stored, and the keys that its operands were made from.
struct StoredProduct {
  GemmCase gemm;
  bool b_transposed = false;  ///< B is stored as n x k
  device::GemmOperands operands;
  int range = 127;  ///< of int8 operands
  std::uint64_t a_key = 0, b_key = 0;
};

class GemmStore {
 public:
  virtual ~GemmStore() = default;
  /// As fill_uniform and fill_poison (gemm_data.h), to the bit.
  virtual void fill(device::Buffer& buffer, std::size_t count, device::Element element, int range,
                    std::uint64_t key) = 0;
  virtual void poison(device::Buffer& buffer, std::size_t count, device::Element element) = 0;
  virtual double read(device::Buffer& buffer, std::size_t index, device::Element element) = 0;
  virtual void write(device::Buffer& buffer, std::size_t index, device::Element element, double value) = 0;
  /// The whole check of one product (gemm_check.h).
  virtual ProductCheck check(const StoredProduct& product, std::uint64_t seed) = 0;
  /// Where it is done, for Check::how; empty: on the host.
  virtual const char* place() const = 0;
  /// See gemm_workers.
  virtual int workers() const { return 0; }
};

/// For the host.
std::unique_ptr<GemmStore> host_gemm_store();
/// For a GPU; only in GPU builds.
std::unique_ptr<GemmStore> gpu_gemm_store(device::Device& gpu);
/// For either.
std::unique_ptr<GemmStore> gemm_store_for(device::Device& device);

}  // namespace assay::bench
