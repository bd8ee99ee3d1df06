// results.csv: RFC 4180, one line per part of a target, values in base units, absent is an empty field.
#include <optional>

#include "reports/render/escape.h"
#include "reports/render/present.h"
#include "reports/render/render.h"

namespace assay {
namespace render {
namespace {

class Row {
 public:
  Row& text(std::string_view value) { return add(csv_text(value)); }
  Row& value(double number) { return add(number_text(number)); }
  Row& value(const std::optional<double>& number) {
    return add(number ? number_text(*number) : std::string());
  }
  Row& count(std::size_t number) { return add(std::to_string(number)); }
  Row& count(int number) { return add(std::to_string(number)); }
  std::string line() const { return line_ + "\r\n"; }

 private:
  Row& add(const std::string& field) {
    if (!first_) line_ += ',';
    first_ = false;
    line_ += field;
    return *this;
  }

  std::string line_;
  bool first_ = true;
};

constexpr std::string_view header =
    "clause,title,level,weight,clause_verdict,underlying_verdict,waived_by,figure,across,part,case,case_key,"
    "verdict,"
    "reason,required,measured_text,unit,target,limit,measured,distance,interval_lower,interval_upper,"
    "confidence,met,"
    "missed,without_value,e_pass,e_fail,decided_at,devices,devices_conceded,screened_out,source\r\n";

std::string line_of(const Judgement& judgement, const TargetVerdict& target, const PartVerdict* part) {
  Row row;
  row.text(target.id).text(target.title).text(to_string(target.level)).value(target.weight);
  row.text(to_string(target.verdict)).text(to_string(target.underlying));
  row.text(target.waiver ? target.waiver->name : std::string()).text(target.fom).text(target.across_text);
  if (part == nullptr) {
    constexpr int fields_of_a_part = 24;
    for (int i = 0; i < fields_of_a_part; ++i) row.text("");
    return row.text(target.source).line();
  }
  row.text(to_string(part->kind)).text(part->case_label).text(part->case_key).text(to_string(part->verdict));
  row.text(part->reason).text(part->required_text).text(part->measured_text).text(part->unit);
  row.value(part->target).value(part->limit).value(part->measured).value(part->distance);
  row.value(part->interval.lower).value(part->interval.upper).value(judgement.confidence);
  row.count(part->met).count(part->missed).count(part->without_value);
  row.value(part->e_pass).value(part->e_fail).count(part->decided_at);
  row.count(part->devices).count(part->devices_conceded).count(part->screened_out);
  return row.text(target.source).line();
}

}  // namespace
}  // namespace render

std::string render_csv(const Judgement& judgement) {
  std::string csv(render::header);
  for (const TargetVerdict& target : judgement.targets) {
    if (target.parts.empty()) csv += render::line_of(judgement, target, nullptr);
    for (const PartVerdict& part : target.parts) csv += render::line_of(judgement, target, &part);
  }
  return csv;
}

}  // namespace assay
