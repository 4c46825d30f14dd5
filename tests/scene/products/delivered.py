"""Small files of the structure that the public specifications of products give: names, types, attributes, fill values.

Read on 28 November 2026: the writer of EMIT's own pipeline (emit-sds-l2a, emit-utils), PRISMA as prismaread and
EnMAP-Box read it, EnMAP and DESIS as EnPT and EnMAP-Box do, Tanager and AVIRIS-3 as HyperCoast does.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from tests.scene.fabricate import Array

H, W = 9, 8
FILL = -9999.0
UTM = CRS.from_epsg(32632).to_wkt()
WGS84 = CRS.from_epsg(4326).to_wkt()


def reflectance(bands: int, scale: float = 1.0) -> npt.NDArray[np.float32]:
    """(H, W, bands): two kinds of ground, left and right."""
    rng = np.random.default_rng(3)
    values = 0.1 + 0.05 * rng.random((H, W, bands))
    values[:, W // 2 :] += 0.3
    return (scale * values).astype(np.float32)


def labels() -> Array:
    """The two kinds of ground, 1 and 2, with an unlabelled row."""
    values = np.ones((H, W), np.uint8)
    values[:, W // 2 :] = 2
    values[0] = 0
    return values


def turned() -> tuple[Array, Array]:
    """(glt_x, glt_y) of a map of W + 2 rows and H + 2 columns: the image turned by 90 degrees within an empty rim."""
    glt_x, glt_y = np.zeros((W + 2, H + 2), np.int32), np.zeros((W + 2, H + 2), np.int32)
    row, column = np.mgrid[0:H, 0:W]
    glt_x[column + 1, row + 1], glt_y[column + 1, row + 1] = column + 1, row + 1
    return glt_x, glt_y


EMIT_NM = np.array([460, 550, 640, 800, 1380, 1600, 2200], np.float32)
EMIT_PLACE = (10.0, 0.001, 0.0, 50.0, 0.0, -0.001)
_FLAGS = (
    *("Cloud flag", "Cirrus flag", "Water flag", "Spacecraft Flag", "Dilated Cloud Flag"),
    *("AOD550", "H2O (g cm-2)", "Aggregate Flag"),
)


def emit(folder: Path, mask: bool = True, **how: Any) -> Path:
    """Pixel (1, 1) is fill, (2, 2) under a cloud, (3, 3) water."""
    path = folder / "EMIT_L2A_RFL_001_20220815T042838_2222703_003.nc"
    glt_x, glt_y = turned()
    values = reflectance(len(EMIT_NM))
    values[..., 4], values[1, 1] = -0.01, FILL
    with h5py.File(path, "w") as file:
        file.attrs["geotransform"], file.attrs["spatial_ref"] = EMIT_PLACE, np.bytes_(WGS84)
        _filled(file, "reflectance", values, FILL, units="unitless", **how)
        _filled(file, "sensor_band_parameters/wavelengths", EMIT_NM, FILL, units="nm")
        _filled(file, "sensor_band_parameters/fwhm", np.full_like(EMIT_NM, 8), FILL, units="nm")
        _filled(file, "sensor_band_parameters/good_wavelengths", (EMIT_NM != 1380).astype("u1"), 241)
        for axis in ("lon", "lat", "elev"):
            _filled(file, f"location/{axis}", np.zeros((H, W)), FILL)
        _filled(file, "location/glt_x", glt_x, 0, compression="gzip")
        _filled(file, "location/glt_y", glt_y, 0, compression="gzip")
    if mask:
        flags = np.zeros((H, W, len(_FLAGS)), np.float32)
        flags[2, 2, 0] = flags[2, 2, 7] = flags[3, 3, 2] = flags[3, 3, 7] = 1
        with h5py.File(folder / path.name.replace("RFL", "MASK"), "w") as file:
            _filled(file, "mask", flags, FILL, compression="gzip")
            file.create_dataset("sensor_band_parameters/mask_bands", data=_FLAGS, dtype=h5py.string_dtype())
    return path


def _filled(file: h5py.File, name: str, values: Array, fill: float, **how: Any) -> None:
    units = how.pop("units", None)
    dataset = file.create_dataset(name, data=values, **how)
    dataset.attrs["_FillValue"] = np.asarray([fill]).astype(values.dtype)
    if units:
        dataset.attrs["units"] = np.bytes_(units)


PRISMA_NM = {"Vnir": (0.0, 1000.0, 940.0, 640.0, 550.0, 460.0), "Swir": (2200.0, 1600.0, 960.0, 0.0)}


def prisma(folder: Path) -> Path:
    """Pixel (1, 1) is empty; bands run from long to short wavelengths, those of wavelength 0 were not delivered."""
    path = folder / "PRS_L2D_STD_20201107101404_20201107101408_0001.he5"
    with h5py.File(path, "w") as file:
        file.attrs.update(Processing_Level=np.bytes_("2D"), Epsg_Code=np.uint32(32632))
        corners = {"ULcorner": (0, 0), "URcorner": (W - 1, 0), "LLcorner": (0, H - 1), "LRcorner": (W - 1, H - 1)}
        for corner, (column, row) in corners.items():
            file.attrs[f"Product_{corner}_easting"] = np.float32(500_000 + 30 * column)
            file.attrs[f"Product_{corner}_northing"] = np.float32(5_000_000 - 30 * row)
        for name, nm in PRISMA_NM.items():
            file.attrs[f"List_Cw_{name}"] = np.array(nm, np.float32)
            file.attrs[f"List_Cw_{name}_Flags"] = (np.array(nm) > 0).astype(np.int32)
            file.attrs[f"List_Fwhm_{name}"] = np.full(len(nm), 10, np.float32)
            file.attrs[f"L2Scale{name}Min"], file.attrs[f"L2Scale{name}Max"] = np.float32(0), np.float32(1)
            stored = np.round(65535 * reflectance(len(nm))).astype(np.uint16)
            stored[1, 1], stored[..., np.array(nm) == 0] = 0, 0
            fields = f"HDFEOS/SWATHS/PRS_L2D_HCO/Data Fields/{name.upper()}"
            file.create_dataset(f"{fields}_Cube", data=stored.transpose(0, 2, 1), compression="gzip")
            file.create_dataset(f"{fields}_PIXEL_L2_ERR_MATRIX", data=np.zeros((H, len(nm), W), np.uint8))
    return path


DLR_NM = (460.0, 550.0, 640.0, 800.0, 1600.0)


def enmap(folder: Path, masks: bool = True, xml: str | None = None) -> Path:
    """The metadata; pixel (1, 1) is background, (2, 2) under a cloud, (3, 3) in its shadow."""
    stem = "ENMAP01-____L2A-DT0000001234_20220727T105635Z_001_V010106_20221107T105635Z-"
    values = reflectance(len(DLR_NM), 10_000).astype(np.int16)
    values[1, 1] = -32768
    _tif(folder / f"{stem}SPECTRAL_IMAGE.TIF", values.transpose(2, 0, 1), nodata=-32768)
    for name, place in (("CLOUD", (2, 2)), ("CLOUDSHADOW", (3, 3)), ("CIRRUS", None)):
        hidden = np.zeros((1, H, W), np.uint8)
        if place is not None:
            hidden[0, *place] = 1
        if masks:
            _tif(folder / f"{stem}QL_QUALITY_{name}.TIF", hidden)
    bands = "".join(
        f'<bandID number="{n}"><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand><FWHMOfBand>6</FWHMOfBand>'
        "<GainOfBand>0.0001</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>"
        for n, nm in enumerate(DLR_NM, start=1)
    )
    path = folder / f"{stem}METADATA.XML"
    path.write_text(
        xml
        or "<level_X><base><level>L2A</level></base><specific><backgroundValue>-32768</backgroundValue>"
        f'<vnirProductQuality><bandID number="1"/></vnirProductQuality><bandCharacterisation>{bands}'
        "</bandCharacterisation></specific></level_X>"
    )
    return path


def desis(folder: Path) -> Path:
    """The image; pixel (1, 1) is background, which the metadata alone tell."""
    stem = "DESIS-HSI-L2A-DT1203190212_025-20191203T021128-V0210-"
    values = reflectance(len(DLR_NM), 10_000).astype(np.int16)
    values[1, 1] = -32768
    image = folder / f"{stem}SPECTRAL_IMAGE.tif"
    _tif(image, values.transpose(2, 0, 1), interleave="pixel")
    bands = "".join(
        f"<band><bandNumber>{n}</bandNumber><wavelengthCenterOfBand>{nm}</wavelengthCenterOfBand>"
        "<gainOfBand>0.0001</gainOfBand><offsetOfBand>0</offsetOfBand></band>"
        for n, nm in enumerate(DLR_NM, start=1)
    )
    (folder / f"{stem}METADATA.xml").write_text(
        '<?xml version="1.0"?><hsi_doc><specific><backgroundValue>-32768</backgroundValue>'
        f"<bandCharacterisation>{bands}</bandCharacterisation></specific></hsi_doc>"
    )
    return image


def _tif(path: Path, values: Array, **profile: Any) -> None:
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    place = from_origin(500_000, 5_000_000, 30, 30)
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32632", transform=place, **shape, **profile) as raster:
        raster.write(values)


AVIRIS3_NM = np.array([460, 550, 640, 800, 1380, 1850, 2200], np.float32)


def aviris3(folder: Path) -> Path:
    """Pixel (1, 1) is fill."""
    path = folder / "AV320231005t181518_001_L2A_OE_0b4f48b4_RFL_ORT.nc"
    values = reflectance(len(AVIRIS3_NM))
    values[1, 1] = FILL
    with h5py.File(path, "w") as file:
        file["easting"] = 500_000 + 5 + 10.0 * np.arange(W)
        file["northing"] = 5_000_000 - 5 - 10.0 * np.arange(H)
        grid = file.create_dataset("transverse_mercator", data=np.bytes_(""))
        grid.attrs["crs_wkt"] = UTM
        _filled(file, "reflectance/wavelength", AVIRIS3_NM, FILL, units="nm")
        _filled(file, "reflectance/reflectance", values.transpose(2, 0, 1), FILL, chunks=(2, H, W), compression="gzip")
    return path


TANAGER_NM = (460.0, 550.0, 640.0, 800.0, 1380.0)


def tanager(folder: Path, kind: str = "GRIDS") -> Path:
    """Pixel (1, 1) is fill, (2, 2) under a cloud."""
    path = folder / f"20250608_091605_90_4001_{'ortho' if kind == 'GRIDS' else 'basic'}_sr_hdf5.h5"
    values = reflectance(len(TANAGER_NM))
    values[1, 1] = FILL
    cloud, nodata = np.zeros((H, W), np.uint8), np.zeros((H, W), np.uint8)
    cloud[2, 2] = nodata[1, 1] = 1
    structure = (
        'GROUP=GridStructure\n\tGROUP=GRID_1\n\t\tGridName="HYP"\n\t\tXDim=8\n\t\tYDim=9\n'
        "\t\tUpperLeftPointMtrs=(500000.00,5000000.00)\n"
        f"\t\tLowerRightMtrs=({500_000 + 30 * W}.0,{5_000_000 - 30 * H}.0)\n"
        "\t\tProjection=HE5_GCTP_UTM\n\t\tZoneCode=-32\n\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\n"
    )
    with h5py.File(path, "w") as file:
        fields = f"HDFEOS/{kind}/HYP/Data Fields"
        _filled(file, f"{fields}/surface_reflectance", values.transpose(2, 0, 1), FILL, chunks=True)
        cube = file[f"{fields}/surface_reflectance"]
        cube.attrs["wavelengths"], cube.attrs["good_wavelengths"] = TANAGER_NM, np.array([1, 1, 1, 1, 0])
        file[f"{fields}/beta_cloud_mask"], file[f"{fields}/nodata_pixels"] = cloud, nodata
        file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(structure)
    return path


def aviris_ng(folder: Path, place: bool = True) -> Path:
    """An image without a place, and its lookup table; in the table's corner a pixel is a neighbour's."""
    image = folder / "ang20220224t210144_rdn_v2aa1_img"
    _envi(image, reflectance(4).transpose(2, 0, 1), wavelength="{460, 550, 640, 800}", wavelength_units="Nanometers")
    glt_x, glt_y = turned()
    glt_x[0, 0], glt_y[0, 0] = -glt_x[1, 1], -glt_y[1, 1]
    info = "{UTM, 1, 1, 500000, 5000000, 5, 5, 32, North, WGS-84}" if place else None
    _envi(folder / "ang20220224t210144_rdn_v2aa1_glt", np.stack([glt_x, glt_y]), map_info=info)
    return image


def _envi(path: Path, values: Array, **fields: str | None) -> None:
    code = {"float32": 4, "int32": 3}[values.dtype.name]
    bands, lines, samples = values.shape
    told = {"samples": samples, "lines": lines, "bands": bands, "data type": code, "interleave": "bsq", "byte order": 0}
    told |= {name.replace("_", " "): value for name, value in fields.items() if value is not None}
    values.tofile(path)
    path.with_name(path.name + ".hdr").write_text("ENVI\n" + "".join(f"{name} = {told[name]}\n" for name in told))
