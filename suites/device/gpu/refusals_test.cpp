// What a person reads when there is no GPU to be had, from literal surroundings.
#include "suites/device/gpu/refusals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay::gpu {
namespace {

using device::Element;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

NoDevice nvidia() {
  NoDevice seen;
  seen.driver_version = "12.4";
  seen.runtime_version = "13.0";
  seen.driver_loaded = true;
  return seen;
}

TEST(Refusals, NoDriver) {
  NoDevice seen;
  seen.runtime_version = "13.0";
  seen.driver_insufficient = true;  // what a runtime calls it when there is none at all
  seen.said = "CUDA driver version is insufficient for CUDA runtime version";
  EXPECT_THAT(why_no_device(seen), AllOf(StartsWith("no GPU driver on this node"), HasSubstr(seen.said),
                                         HasSubstr("; install NVIDIA's driver")));
  seen.vendor = Vendor::amd;
  EXPECT_THAT(why_no_device(seen), HasSubstr("; load AMD's driver (amdgpu)"));
  // A library of the driver without the driver: it has a version, and refuses to count.
  seen.driver_version = seen.runtime_version = "5.2";
  EXPECT_THAT(why_no_device(seen), StartsWith("no GPU driver on this node"));
}

TEST(Refusals, ADriverOlderThanTheToolkit) {
  NoDevice seen = nvidia();
  seen.driver_insufficient = true;
  EXPECT_THAT(why_no_device(seen), AllOf(StartsWith("the GPU driver supports up to 12.4, this program was "
                                                    "built with 13.0"),
                                         HasSubstr("; update the driver, or build with an older toolkit")));
  seen.driver_loaded = false;  // a container that hides /proc/driver
  EXPECT_THAT(why_no_device(seen), StartsWith("the GPU driver supports up to 12.4"));
  seen.driver_version = "13.1";  // newer, and yet refused: what is missing is the driver itself
  EXPECT_THAT(why_no_device(seen), StartsWith("no GPU driver on this node"));
}

TEST(Refusals, NothingVisible) {
  NoDevice seen = nvidia();
  seen.counted = true;
  EXPECT_THAT(why_no_device(seen), AllOf(StartsWith("no GPU that this process may use"),
                                         HasSubstr("; check CUDA_VISIBLE_DEVICES")));
  seen.vendor = Vendor::amd;
  seen.driver_loaded = false;  // a container without /dev/kfd that counts none
  EXPECT_THAT(why_no_device(seen), HasSubstr("; check HIP_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES"));
}

TEST(Refusals, MoreRanksThanDevices) {
  EXPECT_EQ(too_many_ranks(4, 4), "");
  EXPECT_EQ(too_many_ranks(8, 4), "8 ranks on this node and 4 GPUs; start one rank for each GPU");
}

TEST(Refusals, AGpuInUse) {
  EXPECT_EQ(in_use_by(0), "");
  EXPECT_THAT(in_use_by(1), AllOf(StartsWith("1 other process computes on it"), HasSubstr("; end them")));
  EXPECT_THAT(in_use_by(3), StartsWith("3 other processes compute on it"));
}

DeviceFacts facts(const char* name, const char* architecture, int major, int minor) {
  DeviceFacts facts;
  facts.name = name;
  facts.architecture = architecture;
  facts.major = major;
  facts.minor = minor;
  return facts;
}

TEST(Refusals, ADtypeThatTheGpuLacks) {
  const DeviceFacts a100 = facts("NVIDIA A100-SXM4-80GB", "sm_80", 8, 0);
  for (const Element element : {Element::fp8_e4m3, Element::fp8_e5m2})
    EXPECT_EQ(lacks_element(a100, element),
              "NVIDIA A100-SXM4-80GB (sm_80) has no fp8 arithmetic; choose f16 or bf16");
  for (const Element element :
       {Element::f64, Element::f32, Element::tf32, Element::f16, Element::bf16, Element::int8})
    EXPECT_EQ(lacks_element(a100, element), "") << name_of(element);
  EXPECT_EQ(lacks_element(facts("NVIDIA L4", "sm_89", 8, 9), Element::fp8_e4m3), "");
  EXPECT_EQ(lacks_element(facts("NVIDIA H200", "sm_90", 9, 0), Element::fp8_e5m2), "");
  const DeviceFacts v100 = facts("Tesla V100", "sm_70", 7, 0);
  EXPECT_THAT(lacks_element(v100, Element::bf16), HasSubstr("no bf16 arithmetic; choose f16 or f32"));
  EXPECT_THAT(lacks_element(v100, Element::tf32), HasSubstr("no tf32 arithmetic"));
  EXPECT_EQ(lacks_element(v100, Element::f16), "");
  EXPECT_THAT(lacks_element(facts("MI300X", "gfx942:sramecc+:xnack-", 9, 4), Element::fp8_e4m3),
              HasSubstr("(FNUZ)"));
  EXPECT_THAT(lacks_element(facts("MI250X", "gfx90a", 9, 0), Element::fp8_e4m3), HasSubstr("no fp8"));
  EXPECT_EQ(lacks_element(facts("MI250X", "gfx90a", 9, 0), Element::bf16), "");
  EXPECT_EQ(lacks_element(facts("MI355X", "gfx950", 9, 5), Element::fp8_e4m3), "");
}

TEST(Refusals, OutOfMemoryHasNumbers) {
  EXPECT_EQ(
      no_room(std::uint64_t{96} << 30, std::uint64_t{12} << 30, std::uint64_t{141} << 30, "out"),
      "the GPU has no room for 96.00 GiB more: 12.00 GiB of 141.00 GiB are free (the runtime says: out); "
      "give a smaller size, or see what else uses this GPU");
}

}  // namespace
}  // namespace assay::gpu
