#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "countersign/core/entry.hpp"

namespace countersign::evidence {

// What requests say of one another has to agree: of a lowered one and of what took its place, of a session
// and of what it covered. Each request is taken once, in any order.
class Successions {
  public:
    // `erased`: some of its words are, so that only what is recorded for good is compared.
    void take(const core::Case& c, bool erased);
    struct Problem {
        core::RequestId request;
        std::string text;
    };
    // `whole`: all requests there are were taken, so that none of those named may be missing. What happened
    // at `until` or later is left out: requests are read one after the other, while more is happening.
    std::vector<Problem> problems(bool whole, core::Instant until) const;

  private:
    struct Kept {
        core::Case c;
        bool erased = false;
    };
    std::string lowering_problem(const Kept& before, const core::Cancelled::Narrowed& into, bool whole) const;
    std::string use_problem(const Kept& session, std::size_t index, bool whole) const;
    std::string origin_problem(const Kept& kept, bool whole) const;
    const Kept* find(const core::RequestId& id) const;

    std::map<std::string, Kept> kept_;  // those alone that name others, or are named by their own opening
};

}  // namespace countersign::evidence
