#include "suites/training/support/trace.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace assay::training {
namespace {

using Json = nlohmann::json;

TEST(Trace, SpansAreEventsInMicrosecondsFromTheBeginningOfTheStep) {
  const std::vector<Span> spans = {{Phase::data, "next micro-batch", 0, 100.0, 100.25},
                                   {Phase::forward, "forward", 0, 100.25, 100.75},
                                   {Phase::optimizer, "AdamW", -1, 100.75, 101.0}};
  EXPECT_EQ(trace_events({3, "n01", 43, 99.5, 101.5, &spans}),
            R"({"ph":"M","name":"process_name","pid":3,"tid":0,"args":{"name":"rank 3 on node n01"}},
{"ph":"M","name":"thread_name","pid":3,"tid":0,"args":{"name":"step"}},
{"ph":"M","name":"process_sort_index","pid":3,"tid":0,"args":{"sort_index":3}},
{"ph":"X","name":"step 43","cat":"step","pid":3,"tid":0,"ts":0.0,"dur":2000000.0,"args":{}},
{"ph":"X","name":"next micro-batch","cat":"data","pid":3,"tid":0,"ts":500000.0,"dur":250000.0,"args":{"micro_batch":0}},
{"ph":"X","name":"forward","cat":"forward","pid":3,"tid":0,"ts":750000.0,"dur":500000.0,"args":{"micro_batch":0}},
{"ph":"X","name":"AdamW","cat":"optimizer","pid":3,"tid":0,"ts":1250000.0,"dur":250000.0,"args":{}})");
}

TEST(Trace, TheFileIsJsonWhateverTheNames) {
  const std::vector<Span> spans = {{Phase::exposed, "the \"rest\"\n of \\ it", 7, 0.5, 1}};
  const std::string nasty = "n\"01\"\\\x01\xff";
  const std::string text =
      trace_file({trace_events({0, nasty, 1, 0, 1, &spans}), trace_events({1, "n2", 1, 0.25, 1, &spans})},
                 {{"clocks", "as \"they\" are"}});
  const Json trace = Json::parse(text);
  EXPECT_EQ(trace.at("displayTimeUnit"), "ms");
  EXPECT_EQ(trace.at("otherData").at("clocks"), "as \"they\" are");
  const Json& events = trace.at("traceEvents");
  ASSERT_EQ(events.size(), 10u);
  EXPECT_EQ(events[0].at("args").at("name"), "rank 0 on node n\"01\"\\\x01\xef\xbf\xbd");
  EXPECT_EQ(events[4].at("name"), "the \"rest\"\n of \\ it");
  EXPECT_EQ(events[4].at("args").at("micro_batch"), 7);
  // The second rank left the barrier when its own clock said 0.25.
  EXPECT_EQ(events[4].at("ts"), 5e5);
  EXPECT_EQ(events[9].at("ts"), 2.5e5);
  EXPECT_EQ(events[9].at("dur"), 5e5);
}

TEST(Trace, WithoutRanksItIsStillATrace) {
  EXPECT_EQ(Json::parse(trace_file({}, {})).at("traceEvents").size(), 0u);
}

}  // namespace
}  // namespace assay::training
