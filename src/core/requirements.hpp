#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/conditions.hpp"
#include "countersign/base/result.hpp"
#include "countersign/core/policy.hpp"

// Reads who must approve as the sets of slots that would do.
namespace countersign::core {

using Alternatives = std::vector<Slots>;

// Says which groups the slots are of that a request decides.
class Resolver {
  public:
    explicit Resolver(const Facts& facts) : facts_(facts) {}
    // One way to fill it, or none; then `problems` says why.
    std::vector<Requirement> resolved(const CountFor& one);
    const std::vector<std::string>& problems() const { return problems_; }

  private:
    std::optional<GroupId> filled(std::string_view pattern);
    std::vector<GroupId> for_requesters(const CountFor& one);
    std::optional<std::vector<GroupId>> kept_out(const CountFor& one, const GroupId& asked);

    const Facts& facts_;
    std::vector<std::string> problems_;
};

std::unexpected<Failure> too_many_alternatives();
// How the counts of one group go together: within a rule they add up, between rules the larger one is asked.
enum class Together : std::uint8_t { add, larger };
Result<Alternatives> product(const Alternatives& a, const Alternatives& b, Together together);
// Puts groups behind those that come first, as far as the rules do not contradict one another.
void put_in_order(Slots& slots);
// Returns none where nobody can fill it. Without a resolver, a slot that a request decides is of any group
// that it may come to.
Result<Alternatives> alternatives(const Requirement& requirement, Resolver* resolver);

}  // namespace countersign::core
