// Every operator at sizes that are multiples of nothing: right results pass, planted faults do not.
#include "suites/compute/operators/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>

#include "suites/compute/operators/operators.h"
#include "suites/device/device.h"
#include "suites/training/support/tested_gpu.h"

namespace assay::bench::operators {
namespace {

using device::Element;

struct Subject {
  const char* model;
  Element element;
  bool apart = false;  ///< on a device of deferred work in memory that the host cannot touch
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) {
  return out << subject.model << " " << device::name_of(subject.element) << (subject.apart ? " apart" : "");
}

FamilySetting small(const Subject& subject) {
  FamilySetting setting;
  training::ModelOverrides changes;
  changes.layers = 2;
  if (std::string(subject.model) == "tiny") {
    changes.width = 60;
    changes.heads = 3;
    changes.kv_heads = 3;
    changes.feed_forward = 132;
    changes.sequence = 13;
    changes.vocabulary = 211;
  } else {
    changes.width = 48;
    changes.heads = 6;
    changes.kv_heads = 2;
    changes.feed_forward = 70;
    changes.sequence = 11;
    changes.vocabulary = 29;  // fewer words than rows: some come twice
  }
  setting.step.model = training::preset(subject.model, changes);
  setting.step.element = subject.element;
  setting.step.micro_batch = 3;
  setting.cold = false;
  setting.apart = subject.apart;
  setting.threads = 1;
  setting.key = 12345;
  return setting;
}

class Families : public testing::TestWithParam<Subject> {
 protected:
  // Nothing here is worth waking threads for.
  void SetUp() override { omp_set_num_threads(1); }
  void TearDown() override { omp_set_num_threads(omp_get_num_procs()); }

  /// False where the processor has no such products.
  bool make(const FamilySetting& setting) {
    if (!device::host().gemm_unsupported(GetParam().element).empty()) return false;
    if (GetParam().apart) queued_ = std::make_unique<training::QueuedDevice>();
    device::Device& device = GetParam().apart ? *queued_ : device::host();
    operators_ = device.operators(GetParam().element, 1);
    all_ = families(setting, names_of(setting.step));
    for (const auto& family : all_) family->prepare(device, *operators_);
    return true;
  }
  static void run(Family& family, std::size_t which, int calls) {
    family.begin(which);
    for (int call = 0; call < calls; ++call) {
      family.before_calls(which);
      family.call(which);
      family.after_calls(which);
    }
  }
  template <typename Work>
  void for_each(const Work& work) {
    for (const auto& family : all_)
      for (std::size_t which = 0; which < family->operators().size(); ++which)
        work(*family, which, family->operators()[which].cost.name);
  }

  std::unique_ptr<training::QueuedDevice> queued_;
  std::unique_ptr<device::Operators> operators_;
  std::vector<std::unique_ptr<Family>> all_;
};

TEST_P(Families, RightResultsPassHoweverOftenTheyAreComputed) {
  if (!make(small(GetParam()))) return;
  for (const int calls : {1, 3, 8, 21}) {
    for_each([&](Family& family, std::size_t which, const std::string&) { run(family, which, calls); });
    for_each([&](Family& family, std::size_t which, const std::string& name) {
      const Finding found = family.check(which);
      EXPECT_TRUE(found.pass) << name << " after " << calls << " calls: " << found.where << " is off by "
                              << found.error << ", bound " << found.bound;
      EXPECT_GE(found.compared, name == "sum_of_squares" ? 1 : 20) << name;
    });
  }
}

TEST_P(Families, CallsOfOneIntervalAreTheSameAsOneByOne) {
  FamilySetting setting = small(GetParam());
  setting.cold = true;
  setting.most_bytes = 400000;
  setting.cache_bytes = 20000;
  if (!make(setting)) return;
  for_each([&](Family& family, std::size_t which, const std::string& name) {
    const int most = family.most_calls(which), calls = std::min(most, 2 * family.slots() + 1);
    EXPECT_EQ(most == 1, name == "head_backward") << name;
    family.begin(which);
    for (int interval = 0; interval < 9; ++interval) {  // so many that what they change begins anew
      family.before_calls(which, calls);
      for (int call = 0; call < calls; ++call) family.call(which, call);
      family.after_calls(which, calls);
    }
    const Finding found = family.check(which);
    EXPECT_TRUE(found.pass) << name << ": " << found.where << " " << found.error << " " << found.bound;
  });
}

TEST_P(Families, ARingIsWorkedOnInTurnAndCheckedInEverySlot) {
  FamilySetting setting = small(GetParam());
  setting.cold = true;
  setting.cache_bytes = 20000;
  if (!make(setting)) return;
  for_each([&](Family& family, std::size_t which, const std::string& name) {
    if (family.slots() == 1) {
      EXPECT_GT(family.operators()[which].cost.bytes, 40000) << name;
    }
    run(family, which, 2 * family.slots() + 1);
  });
  for_each([&](Family& family, std::size_t which, const std::string& name) {
    const Finding found = family.check(which);
    EXPECT_TRUE(found.pass) << name << ": " << found.where << " " << found.error << " " << found.bound;
    EXPECT_GE(found.compared, family.slots()) << name;
  });
}

TEST_P(Families, LargeTablesHaveFewSlotsAndRightResults) {
  FamilySetting setting = small(GetParam());
  setting.cold = true;
  setting.cache_bytes = std::uint64_t{1} << 20;
  setting.most_bytes = 60000;
  if (!make(setting)) return;
  for_each([&](Family& family, std::size_t which, const std::string& name) {
    EXPECT_LE(family.slots(), 64) << name;
    run(family, which, 3);
    const Finding found = family.check(which);
    EXPECT_TRUE(found.pass) << name << ": " << found.where << " " << found.error << " " << found.bound;
  });
  // The ring, and twice the cache beside it.
  const auto large = families(setting, {"embedding_forward"});
  ASSERT_EQ(large.size(), 1u);
  setting.most_bytes = std::int64_t{1} << 30;
  const auto ring = families(setting, {"embedding_forward"});
  EXPECT_LT(large[0]->slots(), ring[0]->slots());
  EXPECT_GT(large[0]->bytes(), 2 << 20);
}

TEST_P(Families, WhatWasNotRunAfterPoisonFails) {
  if (!make(small(GetParam()))) return;
  for_each([&](Family& family, std::size_t which, const std::string&) { run(family, which, 2); });
  for (const auto& family : all_) family->poison();
  for_each([&](Family& family, std::size_t which, const std::string& name) {
    EXPECT_FALSE(family.check(which).pass) << name;
  });
}

TEST_P(Families, OneWrongElementOrNanIsFoundInEveryResult) {
  if (!make(small(GetParam()))) return;
  for_each([&](Family& family, std::size_t which, const std::string& name) {
    for (const Fault fault : {Fault::wrong_element, Fault::nan}) {
      for (std::uint64_t choice = 0; choice < 8; ++choice) {
        run(family, which, 2);
        family.plant(which, fault, choice);
        const Finding found = family.check(which);
        EXPECT_FALSE(found.pass) << name << ", choice " << choice << ": " << found.where << " " << found.error
                                 << " " << found.bound;
        EXPECT_EQ(std::isnan(found.error), fault == Fault::nan) << name;
      }
    }
    run(family, which, 2);
    EXPECT_TRUE(family.check(which).pass) << name;
  });
}

TEST_P(Families, OnlyWhatIsNamedIsKept) {
  const FamilySetting setting = small(GetParam());
  const auto kept = families(setting, {"head_backward", "adamw"});
  ASSERT_EQ(kept.size(), 2u);
  ASSERT_EQ(kept[0]->operators().size(), 1u);
  EXPECT_EQ(kept[0]->operators()[0].cost.name, "head_backward");
  EXPECT_EQ(kept[1]->operators()[0].cost.name, "adamw");
  EXPECT_TRUE(families(setting, {}).empty());
}

INSTANTIATE_TEST_SUITE_P(Models, Families,
                         testing::Values(Subject{"tiny", Element::f64}, Subject{"tiny", Element::f32},
                                         Subject{"tiny", Element::bf16}, Subject{"llama3-1b", Element::f64},
                                         Subject{"llama3-1b", Element::f32},
                                         Subject{"llama3-1b", Element::bf16},
                                         Subject{"tiny", Element::f32, true},
                                         Subject{"llama3-1b", Element::bf16, true}),
                         [](const auto& subject) {
                           return (std::string(subject.param.model) == "tiny" ? "gpt_" : "llama_") +
                                  std::string(device::name_of(subject.param.element)) +
                                  (subject.param.apart ? "_apart" : "");
                         });

/// The kernels of a GPU round otherwise: the bounds allow for it, and for no more.
TEST(OperatorsOnGpu, RightResultsPassAndWrongOnesDoNot) {
  for (const Subject subject :
       {Subject{"tiny", Element::bf16, true}, Subject{"llama3-1b", Element::bf16, true},
        Subject{"tiny", Element::f32, true}}) {
    training::TestedGpu gpu(subject.element == Element::f32 ? 64 : 32);
    if (gpu.device() == nullptr) GTEST_SKIP() << gpu.missing();
    const auto operators = gpu.device()->operators(subject.element, 1);
    const FamilySetting setting = small(subject);
    for (const auto& family : families(setting, names_of(setting.step))) {
      family->prepare(*gpu.device(), *operators);
      for (std::size_t which = 0; which < family->operators().size(); ++which) {
        const int calls = std::min(3, family->most_calls(which));
        family->begin(which);
        family->before_calls(which, calls);
        for (int call = 0; call < calls; ++call) family->call(which, call);
        family->after_calls(which, calls);
        Finding found = family->check(which);
        EXPECT_TRUE(found.pass) << subject << ": " << found.where << " " << found.error << " " << found.bound;
        family->plant(which, Fault::wrong_element, which);
        found = family->check(which);
        EXPECT_FALSE(found.pass) << subject << ": " << found.where << " " << found.error << " "
                                 << found.bound;
      }
    }
  }
}

TEST(Findings, TheWorseIsTheOneClosestToItsBound) {
  const Finding small_error{true, 1, 10, "a", 2}, close{true, 3, 4, "b", 3}, wrong{false, 5, 4, "c", 1},
      not_a_number{false, std::nan(""), 4, "d", 1};
  EXPECT_EQ(worse(small_error, close).where, "b");
  EXPECT_EQ(worse(close, small_error).where, "b");
  EXPECT_EQ(worse(close, small_error).compared, 5);
  EXPECT_EQ(worse(wrong, close).where, "c");
  EXPECT_EQ(worse(wrong, not_a_number).where, "d");
  EXPECT_EQ(worse(not_a_number, wrong).where, "d");
}

}  // namespace
}  // namespace assay::bench::operators
