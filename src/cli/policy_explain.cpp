#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "cli/console.hpp"
#include "cli/ground.hpp"
#include "cli/home.hpp"
#include "cli/outcome.hpp"
#include "cli/verbs.hpp"
#include "countersign/adapters/config.hpp"
#include "countersign/adapters/policy.hpp"
#include "countersign/adapters/policy_tests.hpp"
#include "countersign/base/text.hpp"
#include "countersign/core/account_text.hpp"
#include "countersign/core/explain.hpp"
#include "countersign/core/match.hpp"
#include "countersign/rt/clock.hpp"
#include "countersign/wire/json.hpp"
#include "countersign/wire/request.hpp"

// `countersign policy explain`: what a policy says of one request and why, without a server or a database.
namespace countersign::cli {
namespace {

using core::Value;

constexpr std::size_t request_bytes_max = 1024 * 1024;

Result<std::string> policy_path(const PolicyExplainOptions& options) {
    if (!options.policy.empty()) return options.policy;
    auto settings = config::load(options.config_file, config::process_environment());
    if (!settings) return pass(settings);
    if (!settings->policy.empty()) return settings->policy;
    std::string of_dev = home_folder() + "/policy.yaml";
    std::error_code ignored;
    if (std::filesystem::exists(of_dev, ignored)) return of_dev;
    return std::unexpected(config::missing("policy", "or name one with --policy FILE"));
}

Result<WordedRequest> read_request(const std::string& path) {
    auto text = config::read_file(path == "-" ? "/dev/stdin" : path, request_bytes_max);
    if (!text) return pass(text);
    auto body =
        wire::parse_json(*text, {.bytes_max = request_bytes_max, .nesting_max = wire::document_nesting_max});
    if (!body) return fail(Trouble::invalid_input, fmt::format("{}: {}", visible(path), body.error().detail));
    auto worded = worded_request(std::move(*body), rt::system_clock()->now());
    if (worded) return worded;
    const Failure& wrong = worded.error();
    return fail(Trouble::invalid_input, fmt::format("{}: {}{}{}", visible(path), wrong.pointer,
                                                    wrong.pointer.empty() ? "" : ": ", wrong.detail));
}

Result<core::Assumed> assumed_groups(const core::Policy& policy, const std::vector<std::string>& options) {
    core::Assumed assumed;
    for (const std::string& option : options) {
        auto wrong = [&](std::string_view why) {
            return fail(Trouble::invalid_input, fmt::format("--group {}: {}", visible(option), why));
        };
        const std::size_t equals = option.find('=');
        if (equals == std::string::npos) return wrong("write it as GROUP=amy,ben");
        core::Assumed::Group group{core::GroupId{option.substr(0, equals)}, {}};
        auto record = std::ranges::find(policy.groups, group.name, &core::GroupRecord::name);
        if (record == policy.groups.end()) return wrong("the policy has no group of this name");
        if (!core::kept_elsewhere(*record)) return wrong("the policy itself lists the people of this group");
        for (const std::string& member : split(option.substr(equals + 1), ',')) {
            if (trim(member).empty()) continue;
            group.members.emplace_back(trim(member));
            if (!core::account_meant(policy, group.members.back()))
                return wrong(fmt::format("{} is neither a person of the policy nor an account",
                                         visible(group.members.back())));
        }
        assumed.groups.push_back(std::move(group));
    }
    return assumed;
}

// ---- what is told, as JSON; the words for a terminal are made from it

Value texts(const auto& list) {
    Value all = Value::array();
    for (const auto& one : list) all.push(std::string{one.text()});
    return all;
}

std::string duration_of(core::Duration duration) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// What else the rules that apply ask of an approval and its use, a sentence each.
Value terms_of(const core::Applied& applied) {
    Value terms = Value::array();
    for (const core::Exclusion& one : applied.exclude)
        terms.push(fmt::format("approvals of whom {} names do not count", one.field));
    if (applied.reason_required) terms.push("every approval says why");
    if (applied.resource_typed) terms.push("every approval types the resource's name");
    if (applied.self_approval) terms.push("some may approve what they ask for themselves (self_approval)");
    if (applied.self_approval && applied.self_approval->review) {
        const auto& review = *applied.self_approval->review;
        for (const core::GroupId& group : review.by)
            terms.push(fmt::format("then somebody of {} reviews it within {}", group.text(),
                                   duration_of(review.within)));
    }
    if (applied.delegate) terms.push("whoever is away may have somebody else fill their slot (delegate)");
    if (applied.unlinked_allowed) terms.push("voters need not be shown to be somebody else (unlinked)");
    if (applied.widening) {
        std::vector<std::string> groups;
        for (const core::GroupId& group : applied.widening->approvers) groups.emplace_back(group.text());
        terms.push(fmt::format("after {} whoever is in {} may approve too",
                               duration_of(applied.widening->after), join(groups, " and ")));
    }
    for (const core::CountOf& one : applied.deny.counts)
        terms.push(fmt::format("denials of {} of {} end it", one.count, one.of.text()));
    for (const core::Budget& one : applied.budgets)
        terms.push(fmt::format("it counts toward a budget of {}: {}{}", visible(one.rule),
                               core::budget_text(one), core::common_text(one.by)));
    for (const core::Turns& one : applied.turns)
        terms.push(fmt::format("of the same {} one goes on at a time; it {} those before it",
                               join(one.by, " and "), one.supersede ? "ends" : "waits for"));
    if (applied.claim_after > core::Duration{})
        terms.push(fmt::format("no approval is claimed before {} after the opening",
                               duration_of(applied.claim_after)));
    for (const core::Span& span : applied.claim_closed)
        terms.push(fmt::format("nothing is claimed from {} to {}", core::rfc3339(span.from),
                               core::rfc3339(span.to)));
    return terms;
}

// "require 2 of security", "allow", "refuse: not on Fridays": what a rule does where it applies.
std::string asks(const core::Rule& rule) {
    std::vector<std::string> parts;
    if (rule.refuse) parts.push_back("refuse: " + *rule.refuse);
    if (rule.require) {
        auto alternatives = core::alternatives_of(*rule.require);
        parts.push_back("require " +
                        (alternatives ? slots_text(*alternatives) : alternatives.error().detail));
    }
    if (rule.allow) parts.emplace_back("allow");
    return join(parts, "; ");
}

Value because(const core::Reason& reason) {
    Value all = Value::array();
    for (const core::Reason* test : core::decisive(reason))
        all.push(Value::object({{"field", test->field},
                                {"sentence", test->sentence},
                                {"known", test->truth != core::Truth::unknown},
                                {"line", test->at.line}}));
    return all;
}

Value told_of(const core::RuleReport& report) {
    return Value::object({{"name", report.rule->name},
                          {"file", report.rule->file},
                          {"line", report.rule->at.line},
                          {"applies", report.applies},
                          // It applies because nobody can tell, or does not because nobody can.
                          {"known", report.when.truth != core::Truth::unknown},
                          {"asks", asks(*report.rule)},
                          {"because", because(report.when)},
                          // What `unless` came to: it makes an exception, or it does not.
                          {"excepted", report.excepted},
                          {"unless", report.unless ? because(*report.unless) : Value{}}});
}

Value told_of(const core::RiskReport& report) {
    return Value::object({{"points", report.applies ? report.entry->points : 0},
                          {"worth", report.entry->points},
                          {"file", report.entry->file},
                          {"line", report.entry->at.line},
                          {"because", because(report.when)}});
}

Value missing_of(const core::Case& c, const core::Ruling& ruling, const core::Directory& directory) {
    Value alternatives = Value::array();
    for (const auto& lacks : core::lacking(c, ruling, directory)) {
        Value slots = Value::array();
        for (const core::Lack& lack : lacks)
            slots.push(Value::object({{"group", lack.group.text()},
                                      {"count", lack.count},
                                      {"could_approve", texts(lack.could_approve)},
                                      {"known", directory.members(lack.group).has_value()}}));
        alternatives.push(std::move(slots));
    }
    return alternatives;
}

Value hidden_of(const WordedRequest& worded, const core::Applied& applied) {
    Value all = Value::array();
    for (const std::string& pointer : worded.sensitive)
        all.push(Value::object({{"pointer", pointer}, {"allowed", core::may_hide(applied, pointer)}}));
    return all;
}

// What rules on trial would have made of it, in words.
Value would_of(const core::Shadow& shadow) {
    auto what =
        shadow.refuses ? "refuse it: " + visible(shadow.refusal) : "ask " + slots_text(shadow.alternatives);
    Value rules = Value::array();
    for (const std::string& rule : shadow.rules) rules.push(rule);
    return Value::object({{"rules", std::move(rules)}, {"would", std::move(what)}});
}

Value told_of(const WordedRequest& worded, const core::Explanation& explanation,
              const core::Directory& directory) {
    const core::Request& request = worded.request;
    Value told = Value::object({{"at", core::rfc3339(request.created_at)}, {"action", request.action}});
    if (request.environment) told.set("environment", *request.environment);
    Value rules = Value::array();
    for (const core::RuleReport& report : explanation.rules) rules.push(told_of(report));
    told.set("rules", std::move(rules));
    told.set("by_default", explanation.by_default);
    Value risk = Value::array();
    for (const core::RiskReport& report : explanation.risk) risk.push(told_of(report));
    told.set("risk", Value::object({{"points", explanation.points}, {"entries", std::move(risk)}}));
    if (!explanation.applied) {
        told.set("problem", explanation.applied.error().detail);
        return told;
    }
    const core::Applied& applied = *explanation.applied;
    core::Rehearsal rehearsal{request, applied, directory};
    const core::Ruling ruling = rehearsal.ruling();
    const auto& opened = std::get<core::Opened>(rehearsal.now().entries.front());
    told.set("outcome", core::name_of(applied.kind));
    told.set("state", core::name_of(ruling.state));
    told.set("reason", ruling.reason.empty() ? Value{} : Value{ruling.reason});
    told.set("requirement", applied.alternatives.empty() ? Value{} : Value{slots_text(applied.alternatives)});
    if (applied.shadow) told.set("shadow", would_of(*applied.shadow));
    told.set("missing", missing_of(rehearsal.now(), ruling, directory));
    told.set("behind", texts(opened.behind));
    told.set("unlinked", texts(opened.unlinked));
    told.set("expires", duration_of(applied.expires));
    told.set("grant", duration_of(applied.grant));
    told.set("terms", terms_of(applied));
    told.set("sensitive", hidden_of(worded, applied));
    return told;
}

// ---- the words

void print_reasons(const Value& because) {
    for (std::size_t i = 0; because.items() && i < because.items()->size(); ++i) {
        const Value& one = because[i];
        const bool known = one["known"].truth(true);
        print(fmt::format("      {}{}", printable(one["sentence"].text()),
                          known ? "" : painted("  (nobody can tell)", Paint::yellow, STDOUT_FILENO)));
    }
}

std::string place_of(const Value& one) {
    return fmt::format("{}:{}", visible(one["file"].text()), one["line"].integer().value_or(0));
}

void print_rules(const Value& rules, bool applying, std::string_view heading) {
    bool headed = false;
    for (std::size_t i = 0; rules.items() && i < rules.items()->size(); ++i) {
        const Value& rule = rules[i];
        if (rule["applies"].truth(false) != applying) continue;
        if (!headed) print(fmt::format("\n{}", painted(heading, Paint::bold, STDOUT_FILENO)));
        headed = true;
        print(fmt::format("  {} ({})", visible(rule["name"].text()), place_of(rule)));
        if (applying) print(fmt::format("      -> {}", printable(rule["asks"].text())));
        print_reasons(rule["because"]);
        if (rule["unless"].is_null()) continue;
        print(rule["excepted"].truth(false) ? "      but for `unless`:"
                                            : "      and `unless` makes no exception:");
        print_reasons(rule["unless"]);
    }
}

void print_risk(const Value& risk) {
    const Value& entries = risk["entries"];
    if (!entries.items() || entries.items()->empty()) return;
    print(painted(fmt::format("\nrisk: {} points", risk["points"].integer().value_or(0)), Paint::bold,
                  STDOUT_FILENO));
    for (std::size_t i = 0; i < entries.items()->size(); ++i) {
        const Value& entry = entries[i];
        print(fmt::format("  {:>+4} of {} ({})", entry["points"].integer().value_or(0),
                          entry["worth"].integer().value_or(0), place_of(entry)));
        print_reasons(entry["because"]);
    }
}

std::string names_in(const Value& list) {
    std::vector<std::string> names;
    for (std::size_t i = 0; list.items() && i < list.items()->size(); ++i)
        names.push_back(visible(list[i].text()));
    return names.empty() ? "nobody" : join(names, ", ");
}

void print_missing(const Value& missing) {
    for (std::size_t i = 0; missing.items() && i < missing.items()->size(); ++i) {
        if (missing.items()->size() > 1) print(i == 0 ? "  either" : "  or");
        for (std::size_t j = 0; j < missing[i].items()->size(); ++j) {
            const Value& lack = missing[i][j];
            const std::string group{lack["group"].text()};
            const std::string who =
                lack["known"].truth(true)
                    ? names_in(lack["could_approve"])
                    : fmt::format("its people are kept in a chat; say who they are with --group {}=amy,ben",
                                  group);
            print(fmt::format("  {} of {}: {}", lack["count"].integer().value_or(0), visible(group), who));
        }
    }
}

void print_outcome(const Value& told) {
    const std::string_view outcome = told["outcome"].text();
    const std::string_view state = told["state"].text();
    std::string line = "allowed: nobody is asked";
    Paint paint = Paint::green;
    if (state == "refused") {
        line = fmt::format("refused: {}", printable(told["reason"].text()));
        paint = Paint::red;
    } else if (outcome == "require") {
        line = fmt::format("needs {}", printable(told["requirement"].text()));
        paint = Paint::yellow;
    }
    print(painted(line, paint, STDOUT_FILENO));
}

void print_told(const Value& told) {
    const std::string_view environment = told["environment"].text();
    print(fmt::format("{}{}{}, asked at {}Z", visible(told["action"].text()),
                      environment.empty() ? "" : " in ", visible(environment),
                      told["at"].text().substr(0, 19)));
    const bool judged = told["problem"].is_null();
    if (judged) print_outcome(told);
    print_risk(told["risk"]);
    print_rules(told["rules"], true, "rules that apply");
    if (told["by_default"].truth(false)) print("\nno rule applies, so the policy's `default` does");
    print_rules(told["rules"], false, "rules that do not");
    if (!told["shadow"].is_null())
        print(fmt::format("\non trial: {} would {}", names_in(told["shadow"]["rules"]),
                          told["shadow"]["would"].text()));
    if (!judged) return;
    if (told["state"].text() == "pending") {
        print(painted("\nwho could approve", Paint::bold, STDOUT_FILENO));
        print_missing(told["missing"]);
    }
    if (told["outcome"].text() == "require") {
        print(fmt::format("\nbehind the request, so never counted: {}", names_in(told["behind"])));
        if (told["unlinked"].items() && !told["unlinked"].items()->empty())
            print(fmt::format("linked to nobody the chats know: {}", names_in(told["unlinked"])));
        print(fmt::format("expires after {}; an approval is good for {}", told["expires"].text(),
                          told["grant"].text()));
        const Value& terms = told["terms"];
        for (std::size_t i = 0; terms.items() && i < terms.items()->size(); ++i)
            print(printable(terms[i].text()));
    }
    const Value& sensitive = told["sensitive"];
    for (std::size_t i = 0; sensitive.items() && i < sensitive.items()->size(); ++i)
        print(fmt::format("{} {}", visible(sensitive[i]["pointer"].text()),
                          sensitive[i]["allowed"].truth(false)
                              ? "stays hidden"
                              : "may not be hidden: no rule that applies lists it under `hide`"));
}

}  // namespace

int policy_explain_verb(const PolicyExplainOptions& options) {
    auto path = policy_path(options);
    if (!path) return failed_on_names(path.error());
    auto policy = load_policy_aloud(*path, false);
    if (!policy) {
        complain(policy.error().detail);
        return exit_failed;
    }
    auto worded = read_request(options.request);
    if (!worded) return failed_on_names(worded.error());
    // The server would not open it; one that was filed may name people whom a newer policy has no more.
    if (!worded->filed) {
        auto known = core::read_people(worded->request.on_behalf_of, **policy);
        if (!known) return failed_on_names(known.error());
    }
    auto assumed = assumed_groups(**policy, options.groups);
    if (!assumed) return failed_on_names(assumed.error());
    auto directory = core::assumed_directory(**policy, *assumed, core::Instant::max());
    auto explanation =
        core::explain(directory, worded->request, worded->expires_in, worded->request.created_at);
    const Value told = told_of(*worded, explanation, directory);
    options.json ? print_json(told) : print_told(told);
    if (explanation.applied) return exit_ok;
    complain(explanation.applied.error().detail);
    return exit_failed;
}

}  // namespace countersign::cli
