#include "reports/judge/peaks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/base/error.h"
#include "reports/base/files.h"

namespace assay {
namespace {

using testing::HasSubstr;

TEST(Peaks, TheShippedTableIsDenseAndSaysWhatIsUnverified) {
  const std::string file = ASSAY_SOURCE_DIR "/reference_results/peaks/gpus.toml";
  const Peaks peaks = parse_peaks(read_file(file), file);
  EXPECT_EQ(peaks.size(), 9U);
  const Peak h100 = peaks.at("NVIDIA H100 80GB HBM3").at("bf16");
  EXPECT_DOUBLE_EQ(h100.value, 989e12);  // 1979 would be the sparse figure
  EXPECT_EQ(h100.basis, PeakBasis::theoretical);
  EXPECT_THAT(h100.source, HasSubstr("datasheet"));
  EXPECT_THAT(h100.source, testing::Not(HasSubstr("unverified")));
  EXPECT_THAT(peaks.at("NVIDIA H200").at("f64").source, HasSubstr("(unverified)"));
  EXPECT_DOUBLE_EQ(peaks.at("NVIDIA H200").at("memory").value, 4.8e12);
  EXPECT_DOUBLE_EQ(peaks.at("AMD Instinct MI300X").at("fp8").value, 2614.9e12);
  // The products that the data sheets' figures come from.
  EXPECT_NEAR(1830e6 * 512 * 2 * 528, h100.value, 0.5e12);
  EXPECT_NEAR(2100e6 * 256 * 2 * 1216, peaks.at("AMD Instinct MI300X").at("bf16").value, 0.1e12);
}

std::string message(const std::string& device) {
  try {
    parse_peaks("schema = \"assay.peaks/1\"\n[[device]]\n" + device, "p.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Peaks, WrongFiguresAreRefusedWithTheirPlace) {
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf16 = \"2 TB/s\"\n"), HasSubstr("p.toml:5"));
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf16 = \"-2 TFLOP/s\"\n"), HasSubstr("p.toml:5"));
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf61 = \"2 TFLOP/s\"\n"), HasSubstr("bf61"));
  EXPECT_THAT(message("names = [\"A\"]\nbf16 = \"2 TFLOP/s\"\n"), HasSubstr("source"));
  EXPECT_THAT(message("source = \"s\"\nbf16 = \"2 TFLOP/s\"\n"), HasSubstr("names"));
  EXPECT_THAT(message("names = [\"A\", \"A\"]\nsource = \"s\"\nbf16 = \"2 TFLOP/s\"\n"), HasSubstr("twice"));
  EXPECT_THAT(message("names = [\"A\"]\nsource = \"s\"\nbf16 = \"2 TFLOP/s\"\nunverified = [\"f64\"]\n"),
              HasSubstr("no figure"));
}

}  // namespace
}  // namespace assay
