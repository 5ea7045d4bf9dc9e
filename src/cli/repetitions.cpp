#include "cli/repetitions.hpp"

#include <fmt/core.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace countersign::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::size_t> number_in(const std::string& path) {
    std::ifstream file{path};
    std::size_t number = 0;
    return file >> number ? std::optional{number} : std::nullopt;
}

}  // namespace

Repetitions::Repetitions(const std::string& home, std::string call, core::Instant now)
    : folder_(home + "/calls"), call_(std::move(call)) {
    auto day = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
    today_ = fmt::format("{}/{}", folder_, day);
    before_ = fmt::format("{}/{}", folder_, day - 1);
}

std::size_t Repetitions::next() const {
    if (auto today = number_in(fmt::format("{}/{}", today_, call_))) return *today;
    return number_in(fmt::format("{}/{}", before_, call_)).value_or(0);
}

void Repetitions::passed(std::size_t repetitions) const {
    std::error_code ignored;
    if (!fs::exists(today_, ignored)) {
        fs::create_directories(today_, ignored);
        for (const auto& day : fs::directory_iterator{folder_, ignored})
            if (day.path() != today_ && day.path() != before_) fs::remove_all(day.path(), ignored);
    }
    std::ofstream{fmt::format("{}/{}", today_, call_)} << repetitions;
}

}  // namespace countersign::cli
