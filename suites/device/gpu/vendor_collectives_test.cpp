// The binding of NCCL and RCCL, with a library of tests in their place.
#include "suites/device/gpu/vendor_collectives.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/device.h"
#include "suites/device/gpu/separate_memory_testing.h"
#include "suites/device/mpi_reach.h"

namespace assay::gpu {
namespace {

using device::Element;
using device::Meeting;
using testing::ElementsAre;
using testing::HasSubstr;

/// For one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

CollectivesLibrary fake() {
  return open_collectives("nccl", {"libnothing-of-that-name.so", ASSAY_FAKE_NCCL});
}

struct Streams {
  DeferredStream device, own;
  bool stuck = false;  ///< nothing ever gets done
};

class TestQueue final : public CollectivesQueue {
 public:
  explicit TestQueue(Streams& streams) : streams_(streams) {}
  void* stream() override { return &streams_.own; }
  bool done() override {
    if (!streams_.stuck) streams_.own.finish();
    return !streams_.stuck;
  }
  void after_device() override { streams_.own.wait_for(streams_.device); }
  void before_device() override { streams_.device.wait_for(streams_.own); }

 private:
  Streams& streams_;
};

std::unique_ptr<device::Collectives> alone(Streams& streams) {
  return vendor_collectives(fake(), std::make_unique<TestQueue>(streams), Meeting{});
}

std::string refusal_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

TEST(VendorCollectives, AMissingLibraryIsNamedWithAWayOut) {
  const CollectivesLibrary none = open_collectives("rccl", {"libnothing-of-that-name.so.1", "nor-this.so"});
  EXPECT_FALSE(none.functions);
  EXPECT_THAT(none.missing, HasSubstr("RCCL (libnothing-of-that-name.so.1) cannot be opened; install it"));
  EXPECT_EQ(collectives_lacks(none, {}), none.missing);
  EXPECT_THROW(vendor_collectives(none, nullptr, Meeting{}), Error);
  const CollectivesLibrary other = open_collectives("nccl", {ASSAY_FAKE_NVML});
  EXPECT_THAT(other.missing, HasSubstr("has no ncclGetVersion; install NCCL"));
}

TEST(VendorCollectives, VersionsAreReadAsTheLibraryCountsThem) {
  EXPECT_EQ(fake().name, "NCCL 2.28.9");
  const Variable old("FAKE_NCCL_VERSION", "2708");
  EXPECT_EQ(fake().name, "NCCL 2.7.8");
}

TEST(VendorCollectives, WhatAVersionLacksIsSaid) {
  EXPECT_EQ(collectives_lacks(fake(), {Element::bf16, true}), "");
  EXPECT_EQ(collectives_lacks(fake(), {Element::fp8_e4m3, false}), "");
  const Variable old("FAKE_NCCL_VERSION", "2804");
  EXPECT_EQ(collectives_lacks(fake(), {Element::f32, true}), "");
  EXPECT_THAT(collectives_lacks(fake(), {Element::bf16, false}),
              HasSubstr("2.8.4 has no bf16; install 2.10"));
  const Variable newer("FAKE_NCCL_VERSION", "22304");
  EXPECT_THAT(collectives_lacks(fake(), {Element::fp8_e5m2, false}), HasSubstr("has no fp8_e5m2; install"));
}

TEST(VendorCollectives, TheHostHasNone) {
  EXPECT_THAT(device::collectives_missing("nccl", device::host()), HasSubstr("memory of GPUs"));
  EXPECT_THROW(device::collectives_of("nccl", device::host(), Meeting{}), Error);
}

TEST(VendorCollectives, OneRankGetsItsOwn) {
  Streams streams;
  const auto collectives = alone(streams);
  EXPECT_EQ(collectives->rank(), 0);
  EXPECT_EQ(collectives->size(), 1);
  const std::array<float, 3> from = {1, 2.5F, -3};
  std::array<std::array<float, 3>, 5> to{};
  collectives->all_reduce(Element::f32, 3, from.data(), to[0].data());
  collectives->reduce(Element::f32, 3, from.data(), to[1].data(), 0);
  collectives->reduce_scatter(Element::f32, 3, from.data(), to[2].data());
  collectives->all_gather(Element::f32, 3, from.data(), to[3].data());
  collectives->all_to_all(Element::f32, 3, from.data(), to[4].data());
  EXPECT_EQ(to[0][0], 0);  // begun, not done
  collectives->finish();
  for (const auto& one : to) EXPECT_THAT(one, ElementsAre(1, 2.5F, -3));
  std::array<std::byte, 3> bytes{}, more = {std::byte{7}, std::byte{8}, std::byte{9}};
  collectives->exchange(3, more.data(), 0, bytes.data(), 0);
  collectives->exchange(3, more.data(), -1, bytes.data(), -1);  // nobody
  collectives->finish();
  EXPECT_EQ(bytes, more);
}

TEST(VendorCollectives, WaitForTheDeviceAndTheDeviceForThem) {
  Streams streams;
  const auto collectives = alone(streams);
  float from = 1, middle = 0, to = 0;
  streams.device.begin([&] { from = 2; });
  collectives->after_device();
  collectives->all_reduce(Element::f32, 1, &from, &middle);
  collectives->before_device();
  streams.device.begin([&] { to = middle; });
  EXPECT_EQ(to, 0);
  streams.device.finish();  // nobody waits for the collectives' own queue
  EXPECT_EQ(to, 2);
}

TEST(VendorCollectives, WhatTheLibraryRefusesAtTheStartIsSaidInItsWords) {
  Streams streams;
  {
    const Variable planted("FAKE_NCCL_FAILS", "unique_id");
    EXPECT_THAT(
        refusal_of([&] { alone(streams); }),
        HasSubstr("NCCL 2.28.9 refused GetUniqueId: unhandled system error; start it with NCCL_DEBUG"));
    // A rank whose own part went well gives up, too: the first one's trouble came with its identifier.
    Meeting second{1, 2, [](void* bytes, std::size_t count) {
                     std::vector<char> sent(count, 0);
                     sent[128] = 2;  // the status behind the identifier
                     std::copy(sent.begin(), sent.end(), static_cast<char*>(bytes));
                   }};
    EXPECT_THROW(vendor_collectives(fake(), std::make_unique<TestQueue>(streams), second), Error);
  }
  const Variable planted("FAKE_NCCL_FAILS", "init");
  EXPECT_THAT(refusal_of([&] { alone(streams); }), HasSubstr("invalid usage (Duplicate GPU detected)"));
}

TEST(VendorCollectives, WhatFailsOnceFailsFromThenOn) {
  Streams streams;
  const auto collectives = alone(streams);
  float from = 1, to = 0;
  {
    const Variable planted("FAKE_NCCL_FAILS", "all_reduce");
    EXPECT_THAT(refusal_of([&] { collectives->all_reduce(Element::f32, 1, &from, &to); }),
                HasSubstr("refused AllReduce: internal error; the communicator is aborted"));
  }
  const std::string later = refusal_of([&] { collectives->broadcast(Element::f32, 1, &to, 0); });
  EXPECT_THAT(later, HasSubstr("refused AllReduce"));
  EXPECT_EQ(refusal_of([&] { collectives->finish(); }), later);
}

TEST(VendorCollectives, AnErrorOfAnotherRankEndsTheWaiting) {
  const auto aborts =
      reinterpret_cast<int (*)()>(dlsym(dlopen(ASSAY_FAKE_NCCL, RTLD_NOW | RTLD_LOCAL), "fake_nccl_aborts"));
  const int before = aborts();
  Streams streams;
  const auto collectives = alone(streams);
  streams.stuck = true;  // as when a peer is gone
  const Variable planted("FAKE_NCCL_FAILS", "async");
  EXPECT_THAT(refusal_of([&] { collectives->finish(); }), HasSubstr("remote process exited"));
  EXPECT_EQ(aborts(), before + 1);
}

TEST(VendorCollectives, VariablesThatSteerTheLibraryAreOnRecord) {
  Streams streams;
  const auto collectives = alone(streams);
  EXPECT_EQ(collectives->describe().at("library"), "NCCL 2.28.9");
  EXPECT_EQ(collectives->describe().count("library_environment"), 0u);
  const Variable algorithm("NCCL_ALGO", "Ring");
  EXPECT_EQ(collectives->describe().at("library_environment"), "NCCL_ALGO=Ring");
}

int yes() {
  return 1;
}
int no() {
  return 0;
}
int for_amd(int kind, int* supported) {
  *supported = kind == 2 ? 1 : 0;
  return 0;
}

TEST(MpiReach, IsAskedAndNeverAssumed) {
  const auto with = [](const std::string& name, auto* function) {
    return [=](const char* asked) { return asked == name ? reinterpret_cast<void*>(function) : nullptr; };
  };
  const auto silent = device::mpi_reach("sm_90", [](const char*) -> void* { return nullptr; });
  EXPECT_FALSE(silent.straight);
  EXPECT_THAT(silent.why, HasSubstr("does not tell"));
  EXPECT_TRUE(device::mpi_reach("sm_90", with("MPIX_Query_cuda_support", &yes)).straight);
  EXPECT_FALSE(device::mpi_reach("gfx90a", with("MPIX_Query_cuda_support", &yes)).straight);
  EXPECT_TRUE(device::mpi_reach("gfx90a", with("MPIX_Query_rocm_support", &yes)).straight);
  EXPECT_TRUE(device::mpi_reach("gfx90a", with("MPIX_Query_hip_support", &yes)).straight);
  const auto refused = device::mpi_reach("sm_90", with("MPIX_Query_cuda_support", &no));
  EXPECT_FALSE(refused.straight);
  EXPECT_EQ(refused.why, "MPIX_Query_cuda_support says no");
  EXPECT_TRUE(device::mpi_reach("gfx942", with("MPIX_GPU_query_support", &for_amd)).straight);
  EXPECT_FALSE(device::mpi_reach("sm_90", with("MPIX_GPU_query_support", &for_amd)).straight);
  EXPECT_FALSE(device::mpi_reach(device::host()).straight);
}

}  // namespace
}  // namespace assay::gpu
