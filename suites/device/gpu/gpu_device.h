// A GPU as a device of suites/device. Defined only in GPU builds; benchmarks reach it through device::gpu.
#pragma once

#include <map>
#include <string>

#include "suites/device/device.h"
#include "suites/device/gpu/runtime.h"

namespace assay::gpu {

/// Memory of the GPU; the host's view is allocated (and pinned) when it is first asked for.
class GpuBuffer final : public device::Buffer {
 public:
  GpuBuffer(std::size_t bytes, Queue& queue);
  ~GpuBuffer() override;
  GpuBuffer(const GpuBuffer&) = delete;
  GpuBuffer& operator=(const GpuBuffer&) = delete;

  void* host() override;
  void* device() override { return device_; }
  std::size_t bytes() const override { return bytes_; }
  void push() override;
  void pull() override;

 private:
  std::size_t bytes_;
  Queue& queue_;
  void* device_;
  void* host_ = nullptr;
};

/// What benchmarks with kernels of their own need besides; a device::Device of kind "gpu" is one.
class GpuDevice : public device::Device {
 public:
  virtual int number() const = 0;
  virtual const DeviceFacts& hardware() const = 0;
  /// That all work of this device goes through unless a benchmark makes queues of its own.
  virtual Queue& queue() = 0;
};

/// As device::gpu.
device::Selected select_for(int place, int ranks);
/// As device::gpu_identity.
std::string identity_for(int place, int ranks);

/// Adds the facts of all GPUs, of the driver and of the libraries; what is missing under "gpu_missing".
void describe_all(std::map<std::string, std::string>& facts);

}  // namespace assay::gpu
