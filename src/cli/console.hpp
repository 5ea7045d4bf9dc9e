#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/core/time.hpp"
#include "countersign/core/value.hpp"

// What the verbs print. Everything that came from elsewhere goes through `visible` here.
namespace countersign::cli {

// To stdout, with a newline.
void print(std::string_view line);
void print_json(const core::Value& value);  // one line
bool printed();                             // whether stdout has taken everything so far
// These write to stderr. That nobody can read it is no reason to end.
void complain(std::string_view line);  // "countersign: line", and a newline
void note(std::string_view line);      // with a newline
void draw(std::string_view text);      // as it is
// The exit code of a verb that would end with `code`, now that it is known whether all its output was
// written.
int after_output(int code);

bool on_terminal(int fd);
std::size_t terminal_columns();  // of stderr; 80 where it cannot be known

enum class Paint { plain, bold, red, green, yellow, dim };
std::string painted(std::string_view text, Paint paint, int fd);  // unchanged unless `fd` is a terminal
Paint paint_of_state(std::string_view state);

// "2026-01-02T03:04:05Z": people need no microseconds. A text that is no time is made visible.
std::string time_text(core::Instant at);
std::string time_text(std::string_view rfc3339);

// Columns as wide as their widest cell; the first row is the heading.
void print_table(const std::vector<std::vector<std::string>>& rows);

// ---- a request document (CONTRACT of the API) in words

std::string one_line(const core::Value& request);  // "#1042 db.export in production"
// "1 of security (amy or ben) and 1 of dba (cat)"; empty when nothing is missing.
std::string missing_text(const core::Value& request);
// "#approvals and #sre"; empty when no chat shows it.
std::string channels_text(const core::Value& request);
// Why no chat shows it; empty: it is not known that none does.
std::string unannounced_text(const core::Value& request);
// One line for someone who waits: who is missing, what holds it, time left.
std::string waiting_line(const core::Value& request, core::Instant now);
// "denied by amy: too many rows", "refused by policy: …", "approved by amy and cat".
std::string decision_line(const core::Value& request);
void print_request(const core::Value& request);

}  // namespace countersign::cli
