#include "cli/call_notes.hpp"

#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace countersign::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> note_in(const std::string& path) {
    std::ifstream file{path};
    if (!file) return std::nullopt;
    return std::string{std::istreambuf_iterator<char>{file}, {}};
}

// Whoever removes the file has the text.
std::optional<std::string> taken_from(const std::string& folder) {
    std::error_code ignored;
    for (const auto& each : fs::directory_iterator{folder, ignored}) {
        std::error_code ec;
        if (fs::remove(each.path(), ec) && !ec) return each.path().filename().string();
    }
    return std::nullopt;
}

}  // namespace

CallNotes::CallNotes(const std::string& home, core::Instant now) : folder_(home + "/calls") {
    auto day = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
    today_ = fmt::format("{}/{}", folder_, day);
    yesterday_ = fmt::format("{}/{}", folder_, day - 1);
}

std::optional<std::string> CallNotes::read(std::string_view name) const {
    if (auto today = note_in(fmt::format("{}/{}", today_, name))) return today;
    return note_in(fmt::format("{}/{}", yesterday_, name));
}

void CallNotes::open_today() const {
    std::error_code ignored;
    if (fs::exists(today_, ignored)) return;
    fs::create_directories(today_, ignored);
    for (const auto& day : fs::directory_iterator{folder_, ignored})
        if (day.path() != today_ && day.path() != yesterday_) fs::remove_all(day.path(), ignored);
}

void CallNotes::write(std::string_view name, std::string_view text) const {
    open_today();
    std::ofstream{fmt::format("{}/{}", today_, name)} << text;
}

void CallNotes::add(std::string_view name, std::string_view text) const {
    open_today();
    auto folder = fmt::format("{}/{}", today_, name);
    std::error_code ignored;
    fs::create_directory(folder, ignored);
    std::ofstream{fmt::format("{}/{}", folder, text)};
}

std::optional<std::string> CallNotes::take(std::string_view name) const {
    if (auto text = taken_from(fmt::format("{}/{}", today_, name))) return text;
    return taken_from(fmt::format("{}/{}", yesterday_, name));
}

}  // namespace countersign::cli
