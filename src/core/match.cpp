#include <fmt/core.h>

#include <algorithm>

#include "core/conditions.hpp"
#include "countersign/base/overload.hpp"
#include "countersign/core/advance.hpp"

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

// Whether filling `more` always fills `less` too.
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

// Depth is bounded by the loader.
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

// A rule that does not say asks for the default: so one rule more can only shorten.
void shorten(std::optional<Duration>& shortest, Duration candidate) {
    shortest = shortest ? std::min(*shortest, candidate) : candidate;
}

struct Combined {
    Applied applied;
    std::optional<Alternatives> asked;
    std::optional<Duration> expires;
    std::optional<Duration> grant;
    bool refused = false;
    bool allowed = false;

    Result<Done> take(const Rule& rule) {
        applied.rules.push_back(rule.name);
        if (rule.refuse) {
            applied.refusal += (refused ? "; " : "") + *rule.refuse;
            refused = true;
        }
        allowed = allowed || rule.allow;
        shorten(expires, rule.expires.value_or(expires_default));
        shorten(grant, rule.grant.value_or(grant_default));
        unite(applied.notify.slack, rule.notify.slack);
        unite(applied.notify.teams, rule.notify.teams);
        if (rule.require) return ask(*rule.require);
        return Done{};
    }
    Result<Done> ask(const Requirement& requirement) {
        auto more = alternatives(requirement);
        if (!more) return pass(more);
        auto both = asked ? product(*asked, *more, larger) : std::move(more);
        if (!both) return pass(both);
        asked = std::move(*both);
        return Done{};
    }
};

}  // namespace

std::vector<GroupId> groups_of(const Applied& applied) {
    std::vector<GroupId> groups;
    for (const Slots& slots : applied.alternatives)
        for (const CountOf& one : slots.groups)
            if (std::ranges::find(groups, one.of) == groups.end()) groups.push_back(one.of);
    return groups;
}

bool matches(const Rule& rule, const Request& request) {
    return applies(rule, request);
}

Result<Applied> match(const Policy& policy, const Request& request, std::optional<Duration> expires_in,
                      Instant) {
    Combined combined;
    for (const Rule& rule : policy.rules) {
        if (!applies(rule, request)) continue;
        auto taken = combined.take(rule);
        if (!taken) return pass(taken);
    }
    Applied& applied = combined.applied;
    applied.policy_digest = policy.digest;
    if (applied.rules.empty()) {
        switch (policy.otherwise.kind) {
            case PolicyDefault::Kind::allow:
                combined.allowed = true;
                break;
            case PolicyDefault::Kind::refuse:
                combined.refused = true;
                applied.refusal = "no rule of the policy matches this action";
                break;
            case PolicyDefault::Kind::require:
                if (policy.otherwise.require) {
                    auto asked = combined.ask(*policy.otherwise.require);
                    if (!asked) return pass(asked);
                }
                break;
        }
    }
    // Refusals need no slots: too many alternatives beside a refusal are still the policy's mistake.
    if (combined.asked && combined.asked->size() > alternatives_max) return too_many_alternatives();
    if (combined.refused || (!combined.asked && !combined.allowed)) {
        applied.kind = Applied::Kind::refuse;
    } else if (combined.asked) {
        applied.kind = Applied::Kind::require;
        applied.alternatives = std::move(*combined.asked);
    } else {
        applied.kind = Applied::Kind::allow;
    }
    applied.expires = combined.expires.value_or(expires_default);
    if (expires_in) applied.expires = std::min(applied.expires, *expires_in);
    applied.grant = combined.grant.value_or(grant_default);
    return applied;
}

}  // namespace countersign::core
