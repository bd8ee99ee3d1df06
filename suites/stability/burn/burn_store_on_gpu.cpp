#include "suites/stability/burn/burn_kernels.h"
#include "suites/stability/burn/burn_store.h"

namespace assay::bench::stability {

namespace {

/// What the kernels write to.
struct Notes {
  Differences differences;
  unsigned long long fingerprint = 0;
};

class GpuBurnStore final : public BurnStore {
 public:
  explicit GpuBurnStore(gpu::Queue& queue)
      : queue_(queue),
        on_device_(static_cast<Notes*>(gpu::allocate_bytes(sizeof(Notes)))),
        here_(static_cast<Notes*>(gpu::allocate_pinned_bytes(sizeof(Notes)))) {
    clear();
    queue_.finish();
  }
  ~GpuBurnStore() override {
    gpu::release_bytes(on_device_);
    gpu::release_pinned_bytes(here_);
  }
  GpuBurnStore(const GpuBurnStore&) = delete;
  GpuBurnStore& operator=(const GpuBurnStore&) = delete;

  void compare(void* found, const void* right, std::size_t bytes, unsigned element_bytes, std::uint64_t when,
               bool spoil) override {
    compare_on_gpu(queue_, found, right, bytes, element_bytes, when, spoil, &on_device_->differences);
  }
  void fill(void* words, std::size_t count, std::uint64_t first, std::uint64_t generation) override {
    fill_on_gpu(queue_, words, count, first, generation);
  }
  void visit(void* words, std::size_t count, std::uint64_t first, std::uint64_t generation,
             bool write) override {
    visit_on_gpu(queue_, words, count, first, generation, write, &on_device_->differences);
  }

  Differences take() override {
    pull();
    Differences found = here_->differences;
    if (found.count > 0) clear();
    sort_places(found);
    return found;
  }

  std::uint64_t fingerprint(const void* data, std::size_t bytes) override {
    queue_.set_bytes(&on_device_->fingerprint, 0, sizeof on_device_->fingerprint);
    fingerprint_on_gpu(queue_, data, bytes, &on_device_->fingerprint);
    pull();
    return here_->fingerprint;
  }

 private:
  void clear() { queue_.set_bytes(&on_device_->differences, 0, sizeof on_device_->differences); }
  void pull() {
    queue_.copy(here_, on_device_, sizeof *here_);
    queue_.finish();
  }

  gpu::Queue& queue_;
  Notes* on_device_;
  Notes* here_;
};

}  // namespace

std::unique_ptr<BurnStore> gpu_burn_store(gpu::Queue& queue) {
  return std::make_unique<GpuBurnStore>(queue);
}

}  // namespace assay::bench::stability
