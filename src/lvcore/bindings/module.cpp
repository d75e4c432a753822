#include "lvcore/bindings/arrays.hpp"
#include "lvcore/planes/geometry.hpp"

PYBIND11_MODULE(_core, module) {
    namespace bindings = lvcore::bindings;
    module.doc() =
        "The compiled core: DICOM elements, geometry, resampling, windows, contours, cascades and "
        "networks.";
    pybind11::register_exception<lvcore::GeometryError>(module, "GeometryError", PyExc_ValueError);
    bindings::bind_dicom(module);
    bindings::bind_geometry(module);
    bindings::bind_resample(module);
    bindings::bind_equalise(module);
    bindings::bind_windows(module);
    bindings::bind_raster(module);
    bindings::bind_cascade(module);
    bindings::bind_cascade_train(module);
    bindings::bind_networks(module);
}
