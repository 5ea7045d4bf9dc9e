#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

// Random cases for tests of properties. COUNTERSIGN_CASES sets how many (for soaks), COUNTERSIGN_SEED where
// they begin; a failure names its seed.
namespace countersign::support {

inline constexpr std::uint64_t cases_of_a_short_run = 20'000;

inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Tells whether there are so many cases that every kind of them has to come up.
inline bool sees_every_kind() {
    return setting("COUNTERSIGN_CASES", cases_of_a_short_run) >= cases_of_a_short_run;
}

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : generator_(seed) {}
    std::size_t below(std::size_t n) { return generator_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class T>
    const T& of(const std::vector<T>& all) {
        return all[below(all.size())];
    }

  private:
    std::mt19937_64 generator_;
};

// Ends with the first case that fails. `weight` says how many simple cases one of these costs.
template <class Body>
void for_each_case(Body body, std::uint64_t weight = 1) {
    const auto first = setting("COUNTERSIGN_SEED", 1);
    const auto count = setting("COUNTERSIGN_CASES", cases_of_a_short_run) / weight;
    for (std::uint64_t seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Chance chance{seed};
        body(chance);
    }
}

}  // namespace countersign::support
