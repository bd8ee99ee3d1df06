#include "suites/device/gpu/gpu_device.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "suites/device/gpu/blas.h"
#include "suites/device/gpu/collectives_queue_on_gpu.h"
#include "suites/device/gpu/gpu_operators.h"
#include "suites/device/gpu/refusals.h"
#include "suites/device/gpu/telemetry.h"

namespace assay::gpu {

using device::Element;
using device::GemmPlan;

namespace {

/// Who measures this program and a peer in turns keeps the peer's process, and says here how many such there
/// are and that they compute nothing meanwhile. The record repeats it.
constexpr const char* neighbours_variable = "ASSAY_IDLE_GPU_NEIGHBOURS";
int idle_neighbours() {
  const char* given = std::getenv(neighbours_variable);
  return given == nullptr ? 0 : std::atoi(given);
}

}  // namespace

GpuBuffer::GpuBuffer(std::size_t bytes, Queue& queue)
    : bytes_(bytes), queue_(queue), device_(allocate_bytes(bytes)) {}

GpuBuffer::~GpuBuffer() {
  release_bytes(device_);
  release_pinned_bytes(host_);
}

void* GpuBuffer::host() {
  if (host_ == nullptr) host_ = allocate_pinned_bytes(bytes_);
  return host_;
}

void GpuBuffer::push() {
  queue_.copy(device_, host(), bytes_);
  queue_.finish();
}

void GpuBuffer::pull() {
  queue_.copy(host(), device_, bytes_);
  queue_.finish();
}

namespace {

bool is_amd(const std::string& architecture) {
  return architecture.rfind("gfx", 0) == 0;
}

std::string gigahertz(double hz) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f GHz", hz * 1e-9);
  return text;
}

class RecordedQueue final : public device::RecordedWork {
 public:
  RecordedQueue(Queue& queue, const std::function<void()>& work) : recording_(queue, work) {}
  void begin() override { recording_.begin(); }

 private:
  Recording recording_;
};

class RealGpu final : public GpuDevice {
 public:
  explicit RealGpu(int number)
      : number_(number), facts_(facts_of(number)), telemetry_(open_telemetry(facts_.pci_address)) {
    select(number);
    queue_ = std::make_unique<Queue>();
    if (facts_.uuid.empty() && telemetry_.telemetry) facts_.uuid = telemetry_.telemetry->uuid();
  }

  std::string kind() const override { return "gpu"; }
  std::string name() const override { return facts_.name; }
  std::string id() const override { return facts_.uuid.empty() ? facts_.pci_address : facts_.uuid; }
  std::uint64_t cache_bytes() const override { return facts_.l2_bytes; }
  bool works_by_itself() const override { return true; }

  std::map<std::string, std::string> facts() const override {
    std::map<std::string, std::string> facts = {
        {"gpu", facts_.name},
        {"gpu_architecture", facts_.architecture},
        {"gpu_address", facts_.pci_address},
        {"gpu_build", build_words},
        {"gpu_runtime", look_around().runtime_version},
        {"gpu_driver", driver()},
        {"gpu_telemetry", telemetry_.telemetry ? telemetry_.source : telemetry_.missing}};
    if (facts_.clock_hz > 0) facts["gpu_highest_clock"] = gigahertz(facts_.clock_hz);
    if (facts_.ecc) facts["gpu_ecc"] = *facts_.ecc ? "on" : "off";
    if (const int idle = idle_neighbours(); idle > 0) {
      facts["gpu_neighbours"] =
          "up to " + std::to_string(idle) + " idle, by the word of " + neighbours_variable;
    }
    return facts;
  }

  std::optional<device::Reading> read_conditions() override {
    if (!telemetry_.telemetry) return std::nullopt;
    return telemetry_.telemetry->read();
  }

  std::unique_ptr<device::Buffer> allocate(std::size_t bytes) override {
    return std::make_unique<GpuBuffer>(bytes, *queue_);
  }
  std::optional<std::uint64_t> available_bytes() const override { return free_bytes(); }

  void copy(void* to, const void* from, std::size_t bytes) override { queue_->copy(to, from, bytes); }
  void set_bytes(void* at, std::byte value, std::size_t bytes) override {
    queue_->set_bytes(at, std::to_integer<int>(value), bytes);
  }
  void finish() override { queue_->finish(); }
  std::unique_ptr<device::RecordedWork> record(const std::function<void()>& work) override {
    return std::make_unique<RecordedQueue>(*queue_, work);
  }
  std::unique_ptr<device::Operators> operators(Element element, int) override {
    return gpu_operators(element, *queue_);
  }

  std::string collectives_missing(const std::string& library,
                                  const device::CollectivesNeed& need) const override {
    const char* own = amd() ? "rccl" : "nccl";
    if (library != own)
      return library + " is not the library of " + facts_.name + "; give implementation=" + own;
    return collectives_lacks(collectives_library(library), need);
  }
  std::unique_ptr<device::Collectives> collectives(const std::string& library,
                                                   const device::Meeting& meeting) override {
    return vendor_collectives(collectives_library(library), collectives_queue(*queue_), meeting);
  }

  std::string gemm_unsupported(Element element) override {
    if (element == Element::int32) return "no product of int32 matrices";
    if (blas_library().missing.empty()) return lacks_element(facts_, element);
    if (!blas_library().name.empty())
      return blas_library().missing;  // the build has a binding: no substitute
    if (tiled_gemm_knows(element)) return {};
    return blas_library().missing + ", and Assay's own kernel has no " + std::string(name_of(element)) +
           "; choose f64, f32, f16, bf16 or int8, or build with the vendor's library";
  }

  std::string gemm_sizes_unsupported(Element element, std::int64_t m, std::int64_t n,
                                     std::int64_t k) override {
    if (!blas_takes_b_transposed(element)) return {};
    if (m % 16 == 0 && n % 16 == 0 && k % 16 == 0) return {};
    return blas_library().name + " multiplies " + std::string(name_of(element)) +
           " in multiples of 16; give such m, n and k";
  }

  bool gemm_takes_b_transposed(Element element) const override { return blas_takes_b_transposed(element); }

  std::unique_ptr<device::Gemm> plan_gemm(const GemmPlan& plan) override {
    if (!blas_library().missing.empty()) return plan_tiled_gemm(plan, *queue_);
    return plan_blas_gemm(plan, *queue_);
  }

  int largest_int8() const override { return 127; }
  std::optional<device::Ceiling> gemm_ceiling(Element, int) override { return std::nullopt; }

  std::map<std::string, std::string> libraries() override {
    std::map<std::string, std::string> found;
    if (!blas_library().name.empty())
      found["gpu_blas"] = blas_library().missing.empty() ? blas_library().name + " " + blas_library().version
                                                         : blas_library().missing;
    return found;
  }
  std::vector<std::string> warnings() override {
    if (telemetry_.telemetry) return {};
    return {telemetry_.missing};
  }

  int number() const override { return number_; }
  const DeviceFacts& hardware() const override { return facts_; }
  Queue& queue() override { return *queue_; }

 private:
  /// The driver package where telemetry knows it, else what the driver supports.
  std::string driver() const {
    const std::string package = telemetry_.telemetry ? telemetry_.telemetry->driver() : "";
    return package.empty() ? "for " + look_around().driver_version : package;
  }

  bool amd() const { return is_amd(facts_.architecture); }

  int number_;
  DeviceFacts facts_;
  OpenedTelemetry telemetry_;
  std::unique_ptr<Queue> queue_;
};

int number_for(int place, const Surroundings& seen) {
  return seen.devices == 1 ? 0 : place;
}

/// Asked before this process computes on it. A process that is just ending gets two seconds.
std::string in_use(Telemetry& telemetry) {
  std::optional<int> others;
  for (int attempt = 0; attempt < 20; ++attempt) {
    others = telemetry.processes();
    if (!others || *others <= idle_neighbours()) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return in_use_by(*others);
}

}  // namespace

std::string identity_for(int place, int ranks) {
  const Surroundings& seen = look_around();
  if (seen.devices == 0 || (seen.devices > 1 && ranks > seen.devices)) return {};
  try {
    return facts_of(number_for(place, seen)).pci_address;
  } catch (const std::exception&) {
    return {};
  }
}

device::Selected select_for(int place, int ranks) {
  const Surroundings& seen = look_around();
  if (seen.devices == 0) return {nullptr, seen.missing};
  // One visible GPU and several ranks: the launcher gave each rank its own, or the ranks would share one. The
  // harness compares the identities (chosen_device.h).
  if (seen.devices > 1 && ranks > seen.devices) return {nullptr, too_many_ranks(ranks, seen.devices)};
  const int number = number_for(place, seen);
  const std::string whose = "GPU " + std::to_string(number) + " cannot be used: ";
  try {
    static std::mutex guard;
    // Never destroyed: the vendor's runtime may be gone by then.
    static auto& made = *new std::map<int, std::unique_ptr<device::Device>>;
    const std::lock_guard lock(guard);
    if (!made.contains(number)) {
      const OpenedTelemetry opened = open_telemetry(facts_of(number).pci_address);
      const std::string others = opened.telemetry ? in_use(*opened.telemetry) : "";
      if (!others.empty()) return {nullptr, whose + others};
      made[number] = std::make_unique<RealGpu>(number);
    }
    select(number);
    return {made[number].get(), ""};
  } catch (const std::exception& refused) {
    return {nullptr, whose + refused.what()};
  }
}

void describe_all(std::map<std::string, std::string>& facts) {
  const Surroundings& seen = look_around();
  facts["gpu_runtime"] = seen.runtime_version;
  if (!seen.driver_version.empty()) facts["gpu_driver_supports"] = seen.driver_version;
  if (!blas_library().name.empty())
    facts["gpu_blas"] = blas_library().missing.empty() ? blas_library().name : blas_library().missing;
  if (seen.devices == 0) {
    facts["gpu_missing"] = seen.missing;
    return;
  }
  try {
    const DeviceFacts first = facts_of(0);
    facts["gpu_name"] = first.name;
    facts["gpu_architecture"] = first.architecture;
    facts["gpu_memory_bytes"] = std::to_string(first.memory_bytes);
    facts["gpu_l2_bytes"] = std::to_string(first.l2_bytes);
    facts["gpu_multiprocessors"] = std::to_string(first.multiprocessors);
    if (first.ecc) facts["gpu_ecc"] = *first.ecc ? "on" : "off";
    const CollectivesLibrary& collectives = collectives_library(is_amd(first.architecture) ? "rccl" : "nccl");
    facts["gpu_collectives"] = collectives.functions ? collectives.name : collectives.missing;
    std::string identities, addresses;
    for (int device = 0; device < seen.devices; ++device) {
      const DeviceFacts one = facts_of(device);
      identities += (device == 0 ? "" : " ") + one.uuid;
      addresses += (device == 0 ? "" : " ") + one.pci_address;
      if (one.name != first.name)
        facts["gpu_other_names"] += (facts["gpu_other_names"].empty() ? "" : ", ") + one.name;
    }
    facts["gpu_ids"] = identities;
    facts["gpu_addresses"] = addresses;
  } catch (const std::exception& refused) {
    facts["gpu_missing"] = refused.what();
  }
}

}  // namespace assay::gpu
