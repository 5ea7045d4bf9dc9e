#include "countersign/core/match.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/claim_windows.hpp"
#include "core/conditions.hpp"
#include "core/exclusions.hpp"
#include "core/lists.hpp"
#include "core/pointer_pattern.hpp"
#include "core/requirements.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

void unite(std::vector<std::string>& all, const std::vector<std::string>& more) {
    for (const std::string& one : more)
        if (std::ranges::find(all, one) == all.end()) all.push_back(one);
}

// A rule that sets no duration asks for the default, so one rule more can only shorten.
void shorten(std::optional<Duration>& shortest, Duration candidate) {
    shortest = shortest ? std::min(*shortest, candidate) : candidate;
}

void unite(ChannelsByChat& all, const ChannelsByChat& more) {
    for (const auto& [chat, channels] : more) unite(all[chat], channels);
}

// ---- pointers that two lists both grant

// Returns the pointer that leads to whatever both lead to; nullopt where nothing is.
std::optional<std::string> common(std::string_view a, std::string_view b) {
    auto x = pointer_tokens(a);
    auto y = pointer_tokens(b);
    if (x.size() < y.size()) std::swap(x, y);
    for (std::size_t i = 0; i < y.size(); ++i) {
        if (x[i] == "*") x[i] = y[i];
        if (!token_fits(y[i], x[i])) return std::nullopt;
    }
    return "/" + join(x, "/");
}

std::vector<std::string> common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::vector<std::string> both;
    for (const std::string& x : a)
        for (const std::string& y : b)
            if (auto one = common(x, y)) unite(both, {*one});
    std::ranges::sort(both);
    return both;
}

// ---- what the matching rules ask together

class Combined {
  public:
    Combined(const Directory& directory, const Facts& facts, const std::vector<HeldBack>& held_back)
        : directory_(directory), facts_(facts), held_back_(held_back) {}

    Applied applied;
    std::optional<Alternatives> asked;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    bool refused = false;
    bool allowed = false;
    bool required = false;          // some rule requires, so every such rule must grant what is granted
    std::vector<std::string> hide;  // granted by rules that do not require

    // Lets through what a rule on trial matches. Its durations and terms are on trial as well.
    void pass_by(const Rule& rule) {
        applied.rules.push_back(rule.name);
        allowed = true;
        unite(applied.notify, rule.notify);
        unite(hide, rule.hide);
        if (!rule.visible_to.empty()) add_once(applied.visible_to, rule.visible_to);
    }

    Result<Done> take(const Rule& rule) {
        applied.rules.push_back(rule.name);
        if (rule.refuse) {
            applied.refusal += (refused ? "; " : "") + *rule.refuse;
            refused = true;
        }
        allowed = allowed || rule.allow;
        shorten(expires, rule.expires.value_or(expires_default));
        shorten(grant, rule.grant.value_or(grant_default));
        if (rule.claim) applied.claim_after = std::max(applied.claim_after, rule.claim->not_before);
        if (rule.claim && rule.claim->not_when) closing_.push_back(&rule);
        unite(applied.notify, rule.notify);
        if (!rule.visible_to.empty()) add_once(applied.visible_to, rule.visible_to);
        if (rule.turns) take_turns(*rule.turns);
        auto asked_beyond = spend(rule);
        if (!asked_beyond) return asked_beyond;
        if (!rule.require) {
            unite(hide, rule.hide);
            return Done{};
        }
        tighten(rule);
        return ask(*rule.require);
    }

    // Where two rules disagree, a request waits: nobody's request is ended that some rule protects.
    void take_turns(const Turns& turns) {
        auto same = std::ranges::find(applied.turns, turns.by, &Turns::by);
        if (same == applied.turns.end())
            applied.turns.push_back(turns);
        else
            same->supersede = same->supersede && turns.supersede;
    }

    // Beyond a budget others are asked as well, who then let it through without it, or nobody can.
    Result<Done> spend(const Rule& rule) {
        for (const BudgetTerms& terms : rule.budgets) {
            if (!terms.budget.sum.empty()) say_amount(terms.budget);
            auto spent = std::ranges::find_if(
                held_back_, [&](const HeldBack& one) { return one.budget == terms.budget; });
            if (spent == held_back_.end()) {
                add_once(applied.budgets, terms.budget);
                continue;
            }
            if (!terms.over) {
                refuse(spent->sentence);
                continue;
            }
            add_once(applied.over_budget, rule.name);
            Rule beyond = rule;
            beyond.require = terms.over;
            tighten(beyond);
            auto asked_too = ask(*terms.over);
            if (!asked_too) return asked_too;
        }
        return Done{};
    }

    // A request that does not say how much it asks for cannot be counted, and leaving it out were a way
    // round.
    void say_amount(const Budget& budget) {
        std::vector<std::optional<Value>> found;
        Judge{facts_}.each_value(budget.sum,
                                 [&](std::optional<Value> value) { found.push_back(std::move(value)); });
        const bool good = found.size() == 1 && found.front() && found.front()->number() &&
                          in_millionths(*found.front()->number());
        if (!good)
            refuse(fmt::format("rule {} counts {}, which has to be a number of 0 or more",
                               visible(budget.rule), budget.sum));
    }

    // Others come first, whatever the rules say of it alone.
    void wait_for_turn() {
        for (const HeldBack& one : held_back_)
            if (one.kind == HeldBack::Kind::turn) refuse(one.sentence);
    }

    // Takes over everything else that a `require` rule asks. One rule more only ever tightens.
    void tighten(const Rule& rule) {
        deny(rule);
        unite_sorted(applied.remind, rule.remind);
        if (rule.escalate) escalate(*rule.escalate);
        widen(rule);
        exclude(rule);
        applied.reason_required = applied.reason_required || rule.reason_required;
        if (rule.resource_typed) type_resource();
        if (rule.step_up) add_once(applied.step_up, *rule.step_up);
        const bool first = !required;
        required = true;
        grant_less(rule, first);
        if (first) {
            if (rule.release) applied.release.push_back(*rule.release);
            applied.self_approval = rule.self_approval;
            if (applied.self_approval && applied.self_approval->review)
                applied.self_approval->review->rules = {rule.name};
            applied.unlinked_allowed = rule.unlinked_allowed;
            applied.hide = common(rule.hide, rule.hide);
            return;
        }
        release(rule);
        self_approval(rule);
        applied.unlinked_allowed = applied.unlinked_allowed && rule.unlinked_allowed;
        applied.hide = common(applied.hide, rule.hide);
    }

    // A voter may lower what every rule lets them, and a session is the shortest of all.
    void grant_less(const Rule& rule, bool first) {
        if (first) {
            applied.lower = rule.lower;
            applied.session = rule.session;
            applied.delegate = rule.delegate;
            return;
        }
        std::erase_if(applied.lower, [&](const std::string& field) { return !contains(rule.lower, field); });
        applied.delegate = applied.delegate && rule.delegate;
        if (!applied.session || !rule.session || applied.session->from != rule.session->from)
            return applied.session.reset();
        applied.session->max = std::min(applied.session->max, rule.session->max);
        applied.session->uses = std::min(applied.session->uses, rule.session->uses);
    }

    void deny(const Rule& rule) {
        if (!required) applied.deny.any = false;
        applied.deny.any = applied.deny.any || !rule.deny || rule.deny_any;
        if (!rule.deny) return;
        auto same = std::ranges::find(applied.deny.counts, rule.deny->of, &CountOf::of);
        if (same == applied.deny.counts.end())
            applied.deny.counts.push_back(*rule.deny);
        else
            same->count = std::min(same->count, rule.deny->count);
    }

    void release(const Rule& rule) {
        if (!rule.release || applied.release.empty())
            applied.release.clear();
        else if (std::ranges::find(applied.release, *rule.release) == applied.release.end())
            applied.release.push_back(*rule.release);
    }

    void self_approval(const Rule& rule) {
        if (!applied.self_approval || !rule.self_approval) return applied.self_approval.reset();
        SelfApproval& both = *applied.self_approval;
        both.reason_required = both.reason_required || rule.self_approval->reason_required;
        std::erase_if(both.allow, [&](const PersonId& person) {
            return std::ranges::find(rule.self_approval->allow, person) == rule.self_approval->allow.end();
        });
        std::erase_if(both.groups,
                      [&](const GroupId& group) { return !contains(rule.self_approval->groups, group); });
        review(both, rule);
        if (both.allow.empty() && both.groups.empty()) applied.self_approval.reset();
    }

    // Somebody of every rule's group reviews it, within the shortest time.
    static void review(SelfApproval& both, const Rule& rule) {
        const auto& asked = rule.self_approval->review;
        if (!asked) return;
        if (!both.review) both.review = ReviewTerms{{}, asked->within, {}};
        for (const GroupId& group : asked->by) add_once(both.review->by, group);
        both.review->within = std::min(both.review->within, asked->within);
        both.review->rules.push_back(rule.name);
    }

    // Adds approvers only where every rule does, and not before the last one would.
    void widen(const Rule& rule) {
        const bool widens = rule.escalate && rule.escalate->approvers;
        if (!required && widens) applied.widening = Widening{rule.escalate->after, {}};
        if (!widens) applied.widening.reset();
        if (!applied.widening) return;
        applied.widening->after = std::max(applied.widening->after, rule.escalate->after);
        add_once(applied.widening->approvers, *rule.escalate->approvers);
    }

    // A request that does not say whose approvals do not count is refused, or leaving it out were a way
    // round.
    void exclude(const Rule& rule) {
        for (const Exclusion& one : rule.exclude) add_once(applied.exclude, one);
        const auto excluded = excluded_accounts(rule.exclude, facts_.request());
        if (excluded.problem) refuse(*excluded.problem);
        for (const AccountId& account : excluded.accounts)
            if (account.text().find(':') == std::string::npos && !directory_.listed_in_policy(account))
                refuse(fmt::format("`{}` is nobody whom the policy lists, nor an account",
                                   visible(account.text())));
    }

    // Where there is nothing to type, leaving the resource out were a way round.
    void type_resource() {
        applied.resource_typed = true;
        if (facts_.request().resource.value_or("").empty())
            refuse("whoever approves has to type the resource's name, and the request names none");
    }

    void refuse(std::string_view reason) {
        if (applied.refusal.find(reason) != std::string::npos) return;
        applied.refusal += (refused ? "; " : "") + std::string{reason};
        refused = true;
    }

    void escalate(const Escalation& escalation) {
        if (!applied.escalate || escalation.after < applied.escalate->after)
            applied.escalate = Escalation{escalation.after, escalation.to};
        else if (escalation.after == applied.escalate->after)
            unite(applied.escalate->to, escalation.to);
    }

    static void unite_sorted(std::vector<Duration>& all, const std::vector<Duration>& more) {
        all.insert(all.end(), more.begin(), more.end());
        std::ranges::sort(all);
        auto repeated = std::ranges::unique(all);
        all.erase(repeated.begin(), repeated.end());
    }

    Result<Done> ask(const Requirement& requirement) {
        Resolver resolver{facts_};
        auto more = alternatives(requirement, &resolver);
        if (!more) return pass(more);
        if (more->empty()) {
            refuse(join(resolver.problems(), "; "));
            return Done{};
        }
        auto both = asked ? product(*asked, *more, Together::larger) : std::move(more);
        if (!both) return pass(both);
        asked = std::move(*both);
        return Done{};
    }

    Result<Done> take_default(const PolicyDefault& otherwise) {
        switch (otherwise.kind) {
            case PolicyDefault::Kind::allow:
                allowed = true;
                break;
            case PolicyDefault::Kind::refuse:
                refused = true;
                applied.refusal = "no rule of the policy matches this action";
                break;
            case PolicyDefault::Kind::require:
                if (otherwise.require) return ask(*otherwise.require);
                break;
        }
        return Done{};
    }

    Result<Applied> finished(std::optional<Duration> expires_in) && {
        // Refusals need no slots, but too many alternatives beside a refusal are still the policy's mistake.
        if (asked && asked->size() > alternatives_max) return too_many_alternatives();
        if (refused || (!asked && !allowed)) {
            applied.kind = Applied::Kind::refuse;
        } else if (asked) {
            applied.kind = Applied::Kind::require;
            applied.alternatives = std::move(*asked);
            for (Slots& slots : applied.alternatives) put_in_order(slots);
        } else {
            applied.kind = Applied::Kind::allow;
        }
        if (!required) applied.hide = std::move(hide);
        // A request that a session covers would wait for the session itself, which is under way before it.
        if (!applied.turns.empty()) applied.session.reset();
        applied.expires = expires.value_or(expires_default);
        if (expires_in) applied.expires = std::min(applied.expires, *expires_in);
        applied.grant = grant.value_or(grant_default);
        if (applied.kind == Applied::Kind::refuse) return std::move(applied);
        const Instant now = facts_.now();
        for (const Rule* rule : closing_)
            unite(applied.claim_closed,
                  closed_spans(*rule, directory_, facts_.request(),
                               {now, now + applied.expires + applied.claim_after + applied.grant}));
        return std::move(applied);
    }

  private:
    const Directory& directory_;
    const Facts& facts_;
    const std::vector<HeldBack>& held_back_;
    std::vector<const Rule*> closing_;  // those that say when nothing may be claimed
};

}  // namespace

Result<std::vector<Slots>> alternatives_of(const Requirement& requirement) {
    auto all = alternatives(requirement, nullptr);
    if (all && all->size() > alternatives_max) return too_many_alternatives();
    return all;
}

namespace {

// What the rules that apply would ask if none of them were on trial. Nothing that is wrong with them holds a
// request.
Shadow judged_in_shadow(const Directory& directory, const Facts& facts,
                        const std::vector<const Rule*>& rules) {
    Shadow shadow;
    const std::vector<HeldBack> nothing;  // what is on trial spends no budget
    Combined combined{directory, facts, nothing};
    auto taken = Result<Done>{Done{}};
    for (const Rule* rule : rules) {
        if (rule->shadow) shadow.rules.push_back(rule->name);
        if (taken) taken = combined.take(*rule);
    }
    auto would = taken ? std::move(combined).finished(std::nullopt) : Result<Applied>{pass(taken)};
    shadow.refuses = !would || would->kind == Applied::Kind::refuse;
    if (!would)
        shadow.refusal = would.error().detail;
    else if (shadow.refuses)
        shadow.refusal = std::move(would->refusal);
    else
        shadow.alternatives = std::move(would->alternatives);
    return shadow;
}

}  // namespace

Result<Applied> match(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                      Instant now, const std::vector<HeldBack>& held_back) {
    const Policy& policy = directory.policy();
    Facts facts{directory, request, now};
    Combined combined{directory, facts, held_back};
    const auto risks = risks_of(policy, facts);
    facts.risk = points_of(risks);
    if (!policy.risk.empty()) combined.applied.risk = facts.risk;
    for (std::size_t i = 0; i < risks.size() && i < risk_parts_max; ++i)
        if (risks[i]->points > 0)
            combined.applied.risk_parts.push_back({name_of(*risks[i]), risks[i]->points});
    std::vector<const Rule*> matching;
    bool shadowed = false;
    for (const Rule& rule : policy.rules) {
        if (!applies(rule, facts)) continue;
        matching.push_back(&rule);
        shadowed = shadowed || rule.shadow;
        if (rule.shadow) {
            combined.pass_by(rule);
            continue;
        }
        auto taken = combined.take(rule);
        if (!taken) return pass(taken);
    }
    if (shadowed) combined.applied.shadow = judged_in_shadow(directory, facts, matching);
    combined.applied.policy_digest = policy.digest;
    if (combined.applied.rules.empty()) {
        auto taken = combined.take_default(policy.otherwise);
        if (!taken) return pass(taken);
    }
    combined.wait_for_turn();
    return std::move(combined).finished(expires_in);
}

Result<Applied> match(const Policy& policy, const Request& request, std::optional<Duration> expires_in,
                      Instant now) {
    // The pointer does not own the policy, because the directory does not outlive this call.
    Directory directory{std::shared_ptr<const Policy>{std::shared_ptr<const Policy>{}, &policy}, {}};
    return match(directory, request, expires_in, now);
}

}  // namespace countersign::core
