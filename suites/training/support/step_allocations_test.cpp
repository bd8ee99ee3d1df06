// A training step asks for no memory: every request to malloc within one is counted. A program of its own,
// because it stands in for malloc itself (glibc lets a program do so, for all libraries in it too).
#include <dlfcn.h>
#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/training/support/trainer.h"

namespace {

struct Request {
  std::size_t bytes = 0;
  void* caller = nullptr;
};

std::atomic<bool> counting{false};
std::atomic<std::size_t> requests{0};
std::array<Request, 1 << 16> kept_requests;

void note(std::size_t bytes, void* caller) {
  if (!counting.load(std::memory_order_relaxed)) return;
  const std::size_t place = requests.fetch_add(1);
  if (place < kept_requests.size()) kept_requests[place] = {bytes, caller};
}

}  // namespace

// What glibc itself is asked for behind the names that this program takes over.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  note(bytes, __builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  note(count * bytes, __builtin_return_address(0));
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  note(bytes, __builtin_return_address(0));
  return __libc_realloc(old, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  note(bytes, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  note(bytes, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  note(bytes, __builtin_return_address(0));
  *result = __libc_memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
}

// The caller of operator new, not the C++ library that it would be found in. Not inlined: the compiler would
// take memory of malloc for memory of another.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  note(bytes, __builtin_return_address(0));
  if (void* made = __libc_malloc(bytes == 0 ? 1 : bytes)) return made;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  note(bytes, __builtin_return_address(0));
  if (void* made = __libc_memalign(static_cast<std::size_t>(alignment), bytes)) return made;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  free(memory);
}

namespace assay::training {
namespace {

using device::Element;

/// What was asked for while something ran: by this program's own code, and by the libraries under it.
struct Counted {
  std::size_t own = 0, library = 0, large = 0;  ///< large: 4096 bytes or more, by a library
  std::size_t largest_bytes = 0;
  std::string libraries;  ///< of the large ones
};

const void* object_of(void* address, std::string& name) {
  Dl_info facts{};
  if (dladdr(address, &facts) == 0) return nullptr;
  name = facts.dli_fname;
  name = name.substr(name.rfind('/') + 1);
  return facts.dli_fbase;
}

template <typename Work>
Counted count_requests(const Work& work) {
  requests = 0;
  counting = true;
  work();
  counting = false;
  std::string name;
  const void* const own = object_of(reinterpret_cast<void*>(&note), name);
  Counted counted;
  EXPECT_LE(requests, kept_requests.size());
  for (std::size_t i = 0; i < std::min(requests.load(), kept_requests.size()); ++i) {
    const Request& request = kept_requests[i];
    if (object_of(request.caller, name) == own) {
      ++counted.own;
      continue;
    }
    ++counted.library;
    counted.largest_bytes = std::max(counted.largest_bytes, request.bytes);
    if (request.bytes < 4096) continue;
    ++counted.large;
    if (counted.libraries.find(name) == std::string::npos) counted.libraries += " " + name;
  }
  return counted;
}

/// A training on one rank whose tokens are any.
class Training {
 public:
  Training(const ModelShape& shape, Element element, const ParallelLayout& layout)
      : tokens_(static_cast<std::size_t>(layout.rows(shape))),
        operators_(device::host_operators(element, 1)) {
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      tokens_[i] = static_cast<std::int32_t>(i * 7 % static_cast<std::size_t>(shape.vocabulary));
    trainer_ = std::make_unique<Trainer>(alone_, shape, layout, Workplace{device::host(), *operators_},
                                         OptimizerSettings{}, [] { return 0.0; });
    trainer_->initialise(5);
  }
  /// The libraries' names of what does the products.
  std::string kernels() const {
    const auto path = operators_->describe();
    return path.at("library") + " " + path.at("kernel");
  }
  std::string instruction_set() const { return operators_->describe().at("instruction_set"); }
  void step() {
    trainer_->step([this](std::int64_t) { return MicroBatch{tokens_.data(), tokens_.data()}; });
  }

 private:
  std::vector<std::int32_t> tokens_;
  bench::ProcessGroup alone_;
  std::unique_ptr<device::Operators> operators_;
  std::unique_ptr<Trainer> trainer_;
};

TEST(StepAllocations, TheCountSeesEveryWayToAsk) {
  const Counted nothing = count_requests([] {});
  EXPECT_EQ(nothing.own + nothing.library, 0u);
  void* volatile made[5];
  const Counted counted = count_requests([&] {
    made[0] = malloc(5000);
    made[1] = calloc(2, 8);
    made[2] = aligned_alloc(64, 6400);
    made[3] = ::operator new(8);
    made[4] = strdup("by a library");
  });
  EXPECT_EQ(counted.own, 4u);
  EXPECT_EQ(counted.library, 1u);
  EXPECT_EQ(counted.large, 0u);
  ::operator delete(made[3]);
  for (const int i : {0, 1, 2, 4}) free(made[i]);
}

TEST(StepAllocations, AStepAsksForNothing) {
  const ModelShape gpt = preset("tiny", {.width = 96, .vocabulary = 12000});
  const ModelShape llama = preset("llama3-8b", {.layers = 2, .width = 64, .sequence = 40, .vocabulary = 301});
  const ParallelLayout whole{.micro_batch = 4, .global_batch = 4};
  const ParallelLayout parts{.micro_batch = 2, .global_batch = 6, .recompute_activations = true};
  int without = 0;
  for (const Element element : {Element::f64, Element::f32, Element::bf16}) {
    if (!device::host().gemm_unsupported(element).empty()) continue;
    for (const ModelShape* shape : {&gpt, &llama}) {
      for (const ParallelLayout& layout : {whole, parts}) {
        Training training(*shape, element, layout);
        training.step();  // libraries set themselves up
        const Counted counted = count_requests([&] { training.step(); });
        const std::string which = std::string(device::name_of(element)) + ", " +
                                  std::string(name_of(shape->architecture)) + ", " +
                                  std::to_string(layout.micro_batches()) + " micro-batches";
        EXPECT_EQ(counted.own, 0u) << which;
        // OpenBLAS, which multiplies in the reference precision, packs operands into memory of its own, and
        // so does oneDNN's gemm, which takes what its other kernel does not (no bf16 instructions, few
        // columns).
        const std::string kernels = training.kernels();
        const bool packs = element == Element::f64 || kernels.find("gemm") != std::string::npos;
        if (element == Element::f32 && training.instruction_set().rfind("avx512", 0) == 0) {
          EXPECT_FALSE(packs) << which << ": " << kernels;
        }
        if (packs) {
          EXPECT_LT(counted.largest_bytes, std::size_t{4} << 20) << which;
        } else {
          EXPECT_EQ(counted.large, 0u) << which << ": " << counted.largest_bytes << counted.libraries;
          ++without;
        }
      }
    }
  }
  const bool bf16 = device::host().gemm_unsupported(Element::bf16).empty();
  EXPECT_TRUE(without > 0 || !bf16);
}

}  // namespace
}  // namespace assay::training
