#include "countersign/core/match.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "core/conditions.hpp"
#include "core/lists.hpp"
#include "core/pointer_pattern.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/base/text.hpp"

namespace countersign::core {
namespace {

constexpr std::size_t interim_alternatives_max = 512;

using Alternatives = std::vector<Slots>;

std::unexpected<Failure> too_many_alternatives() {
    return fail(Trouble::invalid_input,
                fmt::format("the matching rules combine to more than {} alternatives; simplify their `any`",
                            alternatives_max),
                "policy_alternatives");
}

// Says whether filling `more` always fills `less` too.
bool covers(const Slots& more, const Slots& less) {
    return std::ranges::all_of(less.groups, [&](const CountOf& wanted) {
        return std::ranges::any_of(more.groups, [&](const CountOf& given) {
            return given.of == wanted.of && given.count >= wanted.count;
        });
    });
}

Alternatives pruned(Alternatives all) {
    Alternatives kept;
    for (std::size_t i = 0; i < all.size(); ++i) {
        bool needless = false;
        for (std::size_t j = 0; !needless && j < all.size(); ++j)
            needless = i != j && covers(all[i], all[j]) && (j < i || !covers(all[j], all[i]));
        if (!needless) kept.push_back(all[i]);
    }
    return kept;
}

std::uint32_t add(std::uint32_t a, std::uint32_t b) {
    return a + b;
}
std::uint32_t larger(std::uint32_t a, std::uint32_t b) {
    return std::max(a, b);
}

template <class Combine>
Slots merged(const Slots& a, const Slots& b, Combine combine) {
    Slots both = a;
    for (const CountOf& one : b.groups) {
        auto same = std::ranges::find(both.groups, one.of, &CountOf::of);
        if (same == both.groups.end())
            both.groups.push_back(one);
        else
            same->count = combine(same->count, one.count);
    }
    return both;
}

std::size_t people(const Slots& slots) {
    std::size_t total = 0;
    for (const CountOf& one : slots.groups) total += one.count;
    return total;
}

template <class Combine>
Result<Alternatives> product(const Alternatives& a, const Alternatives& b, Combine combine) {
    if (a.size() * b.size() > interim_alternatives_max) return too_many_alternatives();
    Alternatives both;
    for (const Slots& x : a) {
        for (const Slots& y : b) {
            both.push_back(merged(x, y, combine));
            if (people(both.back()) > slots_max) {
                return fail(Trouble::invalid_input,
                            fmt::format("the matching rules ask for more than {} people", slots_max),
                            "policy_slots");
            }
        }
    }
    return pruned(std::move(both));
}

Result<Alternatives> alternatives(const Requirement& requirement);

Result<Alternatives> all_of(const RequireAll& all) {
    Alternatives sum{Slots{}};
    for (const Requirement& one : all.of) {
        auto more = alternatives(one);
        if (!more) return more;
        auto both = product(sum, *more, add);
        if (!both) return both;
        sum = std::move(*both);
    }
    return sum;
}

Result<Alternatives> any_of(const RequireAny& any) {
    Alternatives union_of;
    for (const Requirement& one : any.of) {
        auto more = alternatives(one);
        if (!more) return more;
        union_of.insert(union_of.end(), more->begin(), more->end());
        if (union_of.size() > interim_alternatives_max) return too_many_alternatives();
    }
    return pruned(std::move(union_of));
}

// The loader bounds the depth.
Result<Alternatives> alternatives(const Requirement& requirement) {
    return std::visit(Overload{
                          [](const CountOf& one) -> Result<Alternatives> {
                              if (one.count > slots_max) {
                                  return fail(Trouble::invalid_input,
                                              fmt::format("a rule asks for more than {} people", slots_max),
                                              "policy_slots");
                              }
                              return Alternatives{Slots{{one}}};
                          },
                          [](const RequireAll& all) { return all_of(all); },
                          [](const RequireAny& any) { return any_of(any); },
                      },
                      requirement.node);
}

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

struct Combined {
    Applied applied;
    std::optional<Alternatives> asked;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    bool refused = false;
    bool allowed = false;
    bool required = false;          // some rule requires, so every such rule must grant what is granted
    std::vector<std::string> hide;  // granted by rules that do not require

    Result<Done> take(const Rule& rule) {
        applied.rules.push_back(rule.name);
        if (rule.refuse) {
            applied.refusal += (refused ? "; " : "") + *rule.refuse;
            refused = true;
        }
        allowed = allowed || rule.allow;
        shorten(expires, rule.expires.value_or(expires_default));
        shorten(grant, rule.grant.value_or(grant_default));
        unite(applied.notify, rule.notify);
        if (!rule.require) {
            unite(hide, rule.hide);
            return Done{};
        }
        tighten(rule);
        return ask(*rule.require);
    }

    // Takes over everything else that a `require` rule asks. One rule more only ever tightens.
    void tighten(const Rule& rule) {
        deny(rule);
        unite_sorted(applied.remind, rule.remind);
        if (rule.escalate) escalate(*rule.escalate);
        const bool first = !required;
        required = true;
        if (first) {
            if (rule.release) applied.release.push_back(*rule.release);
            applied.self_approval = rule.self_approval;
            applied.unlinked_allowed = rule.unlinked_allowed;
            applied.hide = common(rule.hide, rule.hide);
            return;
        }
        release(rule);
        self_approval(rule);
        applied.unlinked_allowed = applied.unlinked_allowed && rule.unlinked_allowed;
        applied.hide = common(applied.hide, rule.hide);
    }

    void deny(const Rule& rule) {
        if (!required) applied.deny.any = false;
        if (!rule.deny) {
            applied.deny.any = true;
            return;
        }
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
        if (both.allow.empty()) applied.self_approval.reset();
    }

    void escalate(const Escalation& escalation) {
        if (!applied.escalate || escalation.after < applied.escalate->after)
            applied.escalate = escalation;
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
        auto more = alternatives(requirement);
        if (!more) return pass(more);
        auto both = asked ? product(*asked, *more, larger) : std::move(more);
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
        } else {
            applied.kind = Applied::Kind::allow;
        }
        if (!required) applied.hide = std::move(hide);
        applied.expires = expires.value_or(expires_default);
        if (expires_in) applied.expires = std::min(applied.expires, *expires_in);
        applied.grant = grant.value_or(grant_default);
        return std::move(applied);
    }
};

}  // namespace

Result<std::vector<Slots>> alternatives_of(const Requirement& requirement) {
    auto all = alternatives(requirement);
    if (all && all->size() > alternatives_max) return too_many_alternatives();
    return all;
}

Result<Applied> match(const Directory& directory, const Request& request, std::optional<Duration> expires_in,
                      Instant now) {
    const Policy& policy = directory.policy();
    Facts facts{directory, request, now};
    Combined combined;
    facts.risk = risk_of(policy, facts);
    if (!policy.risk.empty()) combined.applied.risk = facts.risk;
    for (const Rule& rule : policy.rules) {
        if (!applies(rule, facts)) continue;
        auto taken = combined.take(rule);
        if (!taken) return pass(taken);
    }
    combined.applied.policy_digest = policy.digest;
    if (combined.applied.rules.empty()) {
        auto taken = combined.take_default(policy.otherwise);
        if (!taken) return pass(taken);
    }
    return std::move(combined).finished(expires_in);
}

Result<Applied> match(const Policy& policy, const Request& request, std::optional<Duration> expires_in,
                      Instant now) {
    // The pointer does not own the policy, because the directory does not outlive this call.
    Directory directory{std::shared_ptr<const Policy>{std::shared_ptr<const Policy>{}, &policy}, {}};
    return match(directory, request, expires_in, now);
}

}  // namespace countersign::core
