#pragma once

namespace countersign {

// Makes one visitor for std::visit of one lambda per alternative; a forgotten alternative does not compile.
template <class... Fs>
struct Overload : Fs... {
    using Fs::operator()...;
};
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

}  // namespace countersign
