#include <fmt/core.h>

#include <algorithm>

#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"
#include "policy/lint.hpp"

namespace countersign::policy {
namespace {

using core::Condition;
using core::Test;
using Operator = core::Test::Operator;

constexpr std::size_t pairs_max = 50'000;        // of rules that are compared in full
constexpr std::size_t comparisons_max = 50'000;  // of ways, in the search for omissions

std::string verb_of(const core::Rule& rule) {
    if (rule.refuse) return "refuses";
    return rule.require ? "requires approval" : "allows";
}

// The group of an alternative that one requirement asks before another group which the other asks first.
std::optional<std::pair<core::GroupId, core::GroupId>> contrary(const core::Requirement& a,
                                                                const core::Requirement& b) {
    const auto ours = core::alternatives_of(a);
    const auto theirs = core::alternatives_of(b);
    if (!ours || !theirs) return std::nullopt;
    auto before = [](const std::vector<core::Slots>& all, const core::GroupId& first,
                     const core::GroupId& then) {
        return std::ranges::any_of(all, [&](const core::Slots& slots) {
            return std::ranges::any_of(slots.groups, [&](const core::CountOf& one) {
                return one.of == then && std::ranges::find(one.after, first) != one.after.end();
            });
        });
    };
    for (const core::Slots& slots : *ours)
        for (const core::CountOf& one : slots.groups)
            for (const core::GroupId& first : one.after)
                if (before(*theirs, one.of, first)) return std::pair{first, one.of};
    return std::nullopt;
}

// Tells whether meeting the one requirement always meets the other.
bool asks_as_much(const core::Requirement& more, const core::Requirement& less) {
    auto filled = core::alternatives_of(more);
    auto asked = core::alternatives_of(less);
    return filled && asked && core::covers(*filled, *asked, core::SlotOrder::kept);
}

// Tells whether a request decides who is asked.
bool depends_on_request(const core::Requirement& requirement) {
    auto any = [](const std::vector<core::Requirement>& of) {
        return std::ranges::any_of(of, depends_on_request);
    };
    return std::visit(
        Overload{[](const core::CountOf&) { return false; }, [](const core::CountFor&) { return true; },
                 [&](const core::RequireAll& all) { return any(all.of); },
                 [&](const core::RequireAny& all) { return any(all.of); },
                 [&](const core::RequireThen& all) { return any(all.of); }},
        requirement.node);
}

// What a rule grants that another one beside it takes away by not granting it: the keys.
std::vector<std::string_view> taken_away(const core::Rule& rule, const core::Rule& other) {
    std::vector<std::string_view> keys;
    if (rule.self_approval && !other.self_approval) keys.emplace_back("self_approval");
    if (rule.delegate && !other.delegate) keys.emplace_back("delegate");
    if (rule.release && !other.release) keys.emplace_back("hold");
    if (!rule.hide.empty() && other.hide.empty()) keys.emplace_back("hide");
    if (rule.unlinked_allowed && !other.unlinked_allowed) keys.emplace_back("unlinked");
    const bool widens = rule.escalate && rule.escalate->approvers;
    if (widens && !(other.escalate && other.escalate->approvers)) keys.emplace_back("escalate");
    if (!rule.lower.empty() && other.lower.empty()) keys.emplace_back("lower");
    if (rule.session && !other.session) keys.emplace_back("session");
    return keys;
}

// The latest moment at which a rule says anything of its own accord.
core::Duration last_nudge(const core::Rule& rule) {
    core::Duration last{};
    for (core::Duration after : rule.remind) last = std::max(last, after);
    if (rule.escalate) last = std::max(last, rule.escalate->after);
    return last;
}

std::string duration_words(core::Duration duration) {
    return duration_text(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

// Fields that a caller may leave out, and by that fail a test that makes a rule apply.
std::vector<std::pair<std::string, core::FilePosition>> avoidable(const Way& way) {
    std::vector<std::pair<std::string, core::FilePosition>> fields;
    for (const Literal& one : way) {
        const Test& test = *one.test;
        const bool by_silence = one.positive && test.op != Operator::exists && !test.missing_holds;
        if (!by_silence || !is_callers_word(test.field) || !may_be_missing(test.field)) continue;
        if (std::ranges::find(fields, test.field, &std::pair<std::string, core::FilePosition>::first) ==
            fields.end())
            fields.emplace_back(test.field, test.at);
    }
    return fields;
}

Way without(const Way& way, const std::string& field) {
    Way rest;
    for (const Literal& one : way)
        if (one.test->field != field) rest.push_back(one);
    rest.push_back({std::make_shared<const Test>(Test{field, Operator::exists, core::Value{false}}), true});
    return rest;
}

}  // namespace

// ---- rules beside one another

// Tells whether some request might match both.
bool Lint::may_meet(std::size_t i, std::size_t j) const {
    if (!ways_[i].complete || !ways_[j].complete) return true;
    for (std::size_t a = 0; a < ways_[i].ways.size(); ++a) {
        for (std::size_t b = 0; b < ways_[j].ways.size(); ++b) {
            const std::string& x = heads_[i][a];
            const std::string& y = heads_[j][b];
            if (!x.starts_with(y) && !y.starts_with(x)) continue;
            if (possible_together(ways_[i].ways[a], ways_[j].ways[b], risk_max_)) return true;
        }
    }
    return false;
}

// Tells whether the second rule matches whatever the first does.
bool Lint::within(std::size_t i, std::size_t j) const {
    return ways_[i].complete && !ways_[i].ways.empty() &&
           std::ranges::all_of(ways_[i].ways,
                               [&](const Way& way) { return implies(way, whens_[j], risk_max_); });
}

// Tells whether a rule adds nothing to another that always matches beside it.
bool Lint::asks_no_more(const core::Rule& rule, const core::Rule& other) const {
    const bool plain = !rule.deny && rule.remind.empty() && !rule.escalate &&
                       core::all_channels(rule.notify).empty() && !rule.reason_required &&
                       rule.exclude.empty() && !rule.claim && !rule.resource_typed && !rule.step_up &&
                       rule.visible_to.empty() && rule.budgets.empty() && !rule.turns;
    const bool grants_as_much =
        (!other.release || rule.release == other.release) &&
        (!other.self_approval || rule.self_approval == other.self_approval) &&
        (!other.unlinked_allowed || rule.unlinked_allowed) && (!other.delegate || rule.delegate) &&
        (other.lower.empty() || rule.lower == other.lower) &&
        (!other.session || rule.session == other.session) && (other.hide.empty() || rule.hide == other.hide);
    const bool certain = !rule.require || !other.require ||
                         (!depends_on_request(*rule.require) && !depends_on_request(*other.require));
    if (!plain || !certain || !grants_as_much || !rule.require || !other.require || other.deny) return false;
    if (rule.expires.value_or(core::expires_default) < other.expires.value_or(core::expires_default) ||
        rule.grant.value_or(core::grant_default) < other.grant.value_or(core::grant_default))
        return false;
    return asks_as_much(*other.require, *rule.require);
}

// Tells whether two rules may be about one action, as far as its beginning tells.
bool Lint::heads_meet(std::size_t i, std::size_t j) const {
    return !ways_[i].complete || !ways_[j].complete ||
           std::ranges::any_of(heads_[i], [&](const std::string& x) {
               return std::ranges::any_of(
                   heads_[j], [&](const std::string& y) { return x.starts_with(y) || y.starts_with(x); });
           });
}

// Tells whether rule j leaves rule i nothing to do.
void Lint::lint_pair(std::size_t i, std::size_t j) {
    const core::Rule& rule = rules()[i];
    const core::Rule& other = rules()[j];
    if (rule.shadow || other.shadow) return;
    const bool beaten = (refuses(other) && !rule.refuse) || (asks(other) && rule.allow);
    const bool unlimited = rule.budgets.empty() && !rule.turns;
    const bool same =
        (other.allow && rule.allow && unlimited && other.hide == rule.hide) || asks_no_more(rule, other);
    if ((!beaten && !same) || pointless_[i] || pointless_[j] || !within(i, j)) return;
    pointless_[i] = true;
    warn("pointless", i, "name",
         fmt::format("is pointless: whatever it matches, rule `{}` ({}:{}) matches too and {}", other.name,
                     other.file, other.at.line, same ? "asks at least as much" : verb_of(other)));
}

void Lint::lint_pairs() {
    std::size_t compared = 0;
    for (std::size_t i = 0; i < rules().size(); ++i) {
        std::optional<std::size_t> overlapped;
        for (std::size_t j = 0; j < rules().size(); ++j) {
            if (i == j || pointless_[i] || rules()[i].refuse) continue;
            if (!heads_meet(i, j)) continue;
            if (++compared > pairs_max) return;
            lint_pair(i, j);
            const bool held_back = rules()[i].allow && asks(rules()[j]) && !overlapped;
            if (held_back && ways_[i].complete && ways_[j].complete && may_meet(i, j)) overlapped = j;
        }
        if (overlapped && !pointless_[i])
            warn("held_back", i, "allow",
                 fmt::format("overlaps rule `{}` ({}:{}), which wins: what both match still needs approval",
                             rules()[*overlapped].name, rules()[*overlapped].file,
                             rules()[*overlapped].at.line));
    }
}

// What another rule that may match beside it takes from a rule: its grants, and the time in which its
// reminders would come.
void Lint::lint_interplay(std::size_t i) {
    const core::Rule& rule = rules()[i];
    if (!asks(rule) || !ways_[i].complete) return;
    std::set<std::string_view> told;  // keys of the rule
    bool cut = false;
    for (std::size_t j = 0; j < rules().size(); ++j) {
        const core::Rule& other = rules()[j];
        if (i == j || refuses(other) || !heads_meet(i, j) || ++comparisons_ > comparisons_max) continue;
        auto taken = asks(other) ? taken_away(rule, other) : std::vector<std::string_view>{};
        std::erase_if(taken, [&](std::string_view key) { return told.contains(key); });
        const auto expires = other.expires.value_or(core::expires_default);
        const bool shorter = !cut && expires < rule.expires.value_or(core::expires_default);
        const bool never = shorter && last_nudge(rule) >= expires;
        const bool unsaid = shorter && rule.expires && !other.expires;
        const bool unused =
            rule.grant && !other.grant && core::grant_default < *rule.grant && !told.contains("grant");
        const auto turned = i < j && asks(other) ? contrary(*rule.require, *other.require) : std::nullopt;
        const bool something = !taken.empty() || never || unsaid || unused || turned;
        if (!something || !ways_[j].complete || !may_meet(i, j)) continue;
        if (turned)
            warn("contrary_order", i, "require",
                 fmt::format("asks `{}` before `{}`, and {} the other way round: where both match, neither "
                             "order holds",
                             turned->first.text(), turned->second.text(), named(j)));
        for (std::string_view key : taken) {
            told.insert(key);
            warn("void_grant", i, key,
                 fmt::format(
                     "grants {}, which holds only where {} does not match too: that one does not "
                     "grant it",
                     key == "escalate" ? "approvals to whom it escalates to" : fmt::format("`{}`", key),
                     named(j)));
        }
        if (unused && told.insert("grant").second)
            warn("cut_short", i, "grant",
                 fmt::format(
                     "lets an approval be used for {} and not for {} where {} matches too, whose `grant` "
                     "is the default",
                     duration_words(core::grant_default), duration_words(*rule.grant), named(j)));
        if (!never && !unsaid) continue;
        cut = true;
        warn("cut_short", i, "expires",
             fmt::format("ends after {} and not after {} where {} matches too{}{}", duration_words(expires),
                         duration_words(rule.expires.value_or(core::expires_default)), named(j),
                         other.expires ? "" : ", whose `expires` is the default",
                         never ? "; what it reminds of or escalates later never comes" : ""));
    }
}

// ---- leaving out

// By what a request still goes on that meets all of these and no longer this rule (nullopt: a risk entry).
std::optional<std::string> Lint::lets_go_on(const Way& way, std::optional<std::size_t> rule) {
    const core::Requirement* asked = rule && asks(rules()[*rule]) ? &*rules()[*rule].require : nullptr;
    bool certain = false;
    std::optional<std::string> by;
    for (std::size_t j = 0; j < rules().size(); ++j) {
        if (++comparisons_ > comparisons_max) return std::nullopt;
        const core::Rule& other = rules()[j];
        if (implies(way, whens_[j], risk_max_)) {
            if (j == rule || refuses(other)) return std::nullopt;
            if (asked && asks(other) && asks_as_much(*other.require, *asked)) return std::nullopt;
            certain = true;
        }
        if (j == rule || refuses(other) || by || !ways_[j].complete) continue;
        if (std::ranges::any_of(ways_[j].ways,
                                [&](const Way& its) { return possible_together(way, its, risk_max_); }) &&
            !(asked && asks(other) && asks_as_much(*other.require, *asked)))
            by = named(j);
    }
    const core::PolicyDefault& otherwise = loaded_.policy.otherwise;
    if (by || certain || otherwise.kind == core::PolicyDefault::Kind::refuse) return by;
    if (asked && otherwise.require && asks_as_much(*otherwise.require, *asked)) return std::nullopt;
    return "`default`";
}

void Lint::lint_omission(const Condition& condition, const Ways& ways, const Asker& asker,
                         std::optional<std::size_t> rule) {
    if (!ways.complete) return;
    std::set<std::string> told;
    for (const Way& way : ways.ways) {
        for (const auto& [field, at] : avoidable(way)) {
            if (told.contains(field)) continue;
            Way silent = without(way, field);
            if (!possible(silent, risk_max_) || implies(silent, condition, risk_max_)) continue;
            auto by = lets_go_on(silent, rule);
            if (!by) continue;
            told.insert(field);
            warn("omission", asker.file, at,
                 fmt::format(
                     "leaving `{}` out avoids {}, while {} still lets it go on: add `missing: holds`, or "
                     "refuse what does not say it",
                     field, asker.name, *by),
                 asker.rule);
        }
    }
}

// What a caller avoids by saying less.
void Lint::lint_omissions() {
    comparisons_ = 0;
    for (std::size_t i = 0; i < rules().size(); ++i)
        if (!rules()[i].allow) lint_omission(whens_[i], ways_[i], asker(i), i);
    const bool risk_matters = std::ranges::any_of(rules(), [](const core::Rule& rule) {
        auto asks = [](const Condition& condition) {
            return any_test(condition, [](const Test& test, bool) { return test.field == "risk"; });
        };
        return asks(rule.when) || (rule.unless && asks(*rule.unless));
    });
    for (std::size_t i = 0; risk_matters && i < loaded_.policy.risk.size(); ++i) {
        const core::RiskEntry& entry = loaded_.policy.risk[i];
        lint_omission(entry.when, ways_of(entry.when), {"these points", entry.file, nullptr}, std::nullopt);
    }
}

// ---- environments

// Tells whether some rule may match requests for this environment.
bool Lint::covered(const std::string& environment) const {
    const Test test{"environment", Operator::eq, core::Value{environment}, nullptr, {}};
    const Way there{literal(test)};
    return std::ranges::any_of(ways_, [&](const Ways& ways) {
        return !ways.complete || std::ranges::any_of(ways.ways, [&](const Way& way) {
            return possible_together(way, there, risk_max_);
        });
    });
}

void Lint::lint_environments() {
    if (loaded_.policy.otherwise.kind == core::PolicyDefault::Kind::require) return;
    std::map<std::string, std::pair<std::string, core::FilePosition>> named;
    auto collect = [&](const Condition& condition, const std::string& file) {
        each_test(condition, [&](const Test& test, bool) {
            if (test.field != "environment") return;
            each_text(test, [&](std::string_view text) {
                if (!text.empty()) named.try_emplace(std::string{text}, file, test.at);
            });
        });
    };
    for (std::size_t i = 0; i < rules().size(); ++i) collect(whens_[i], rules()[i].file);
    for (const core::RiskEntry& entry : loaded_.policy.risk) collect(entry.when, entry.file);
    for (const auto& [environment, place] : named) {
        if (covered(environment)) continue;
        const bool allowed = loaded_.policy.otherwise.kind == core::PolicyDefault::Kind::allow;
        warn("uncovered_environment", place.first, place.second,
             fmt::format("no rule can match environment `{}`, which is named here: everything in it is {}",
                         visible(environment), allowed ? "allowed by default" : "refused by default"));
    }
}

}  // namespace countersign::policy
