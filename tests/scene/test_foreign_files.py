"""Files that name other files and addresses: GDAL and HDF5 would read whatever it is."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio

from hsiauto.errors import UserError
from hsiauto.runs.map_target import claim
from hsiauto.scene import readers
from hsiauto.scene.source import SceneSource
from tests.scene import fabricate as f

SECRET = "secret.txt"
SHRUNK = '<SrcRect xSize="6" ySize="7"/><DstRect xSize="3" ySize="7"/>'


def source(name: str, band: int = 1, relative: int = 1, more: str = "") -> str:
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="{relative}">{name}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>{more}</SimpleSource>"
    )


def vrt(path: Path, *bands: str, head: str = "", declared: str = "", attributes: str = "") -> Path:
    told = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{n}"{attributes}>{band}</VRTRasterBand>'
        for n, band in enumerate(bands, start=1)
    )
    path.write_text(f'{declared}<VRTDataset rasterXSize="{f.W}" rasterYSize="{f.H}">{head}{told}</VRTDataset>')
    return path


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def _nobody_called(server: socket.socket) -> bool:
    try:
        server.accept()
    except BlockingIOError:
        return True
    return False


def _address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/cube.tif"


@pytest.mark.parametrize("suffix", ["", ".tif", ".img", ".dat", ".raw"])
@pytest.mark.parametrize("raw", [True, False])
def test_a_vrt_under_another_name_is_no_image(tmp_path: Path, suffix: str, raw: bool) -> None:
    (tmp_path / SECRET).write_bytes(bytes(range(60)) * 20)
    f.tif(tmp_path / "part.tif", f.cube())
    band = (
        f"<SourceFilename>{tmp_path / SECRET}</SourceFilename><ImageOffset>0</ImageOffset>"
        if raw
        else source("part.tif")
    )
    kind = ' subClass="VRTRawRasterBand"' if raw else ""
    path = vrt(tmp_path / f"scene{suffix}", band, band, band, attributes=kind)
    with pytest.raises(UserError, match="whole GeoTIFF, ENVI or VRT file"):
        readers.read(path, "cube")


@pytest.mark.parametrize("form", ["png", "hfa", "hdf5", "ascii"])
def test_only_the_formats_that_are_named_are_read(tmp_path: Path, form: str) -> None:
    path = tmp_path / "scene.tif"
    if form == "hdf5":
        with h5py.File(path, "w") as file:
            file["cube"] = f.cube()
    elif form == "ascii":
        path.write_text("ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n3 4\n")
    else:
        bands = f.cube().transpose(2, 0, 1)[:3].astype(np.uint8)
        shape = {"count": 3, "height": f.H, "width": f.W, "dtype": "uint8"}
        with rasterio.open(path, "w", driver={"png": "PNG", "hfa": "HFA"}[form], **shape) as raster:
            raster.write(bands)
    with pytest.raises(UserError, match="whole GeoTIFF, ENVI or VRT file"):
        readers.read(path, "cube")


def test_a_vrt_of_files_beside_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    f.tif(tmp_path / "parts" / "one.tif", f.cube()[..., :2])
    f.envi(tmp_path / "other.img", f.cube()[..., 2:])
    waves = [f'<Metadata><MDI key="wavelength">{um}</MDI></Metadata>' for um in f.WAVELENGTHS_UM]
    names = [("parts/one.tif", 1), ("parts/one.tif", 2), *(("other.img", band) for band in (1, 2, 3))]
    bands = [
        wave + "<NoDataValue>9</NoDataValue><Histograms/>" + source(*named)
        for wave, named in zip(waves, names, strict=True)
    ]
    box = f'xOff="0" yOff="0" xSize="{f.W}" ySize="{f.H}"'
    bands[0] = bands[0].replace("</SimpleSource>", f"<SrcRect {box}/><DstRect {box}/></SimpleSource>")
    head = "<SRS>EPSG:32616</SRS><GeoTransform>500000, 20, 0, 4000000, 0, -20</GeoTransform>"
    stored = readers.read(vrt(tmp_path / "scene.vrt", *bands, head=head), "cube")
    np.testing.assert_array_equal(stored.array, f.cube())
    assert stored.wavelengths_nm == pytest.approx([460, 550, 640, 800, 1600])
    assert (stored.nodata, stored.geo and stored.geo.transform) == (9, (20, 0, 500_000, 0, -20, 4_000_000))


def test_a_vrt_with_a_mask(tmp_path: Path) -> None:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        f.tif(tmp_path / "part.tif", f.cube())
        with rasterio.open(tmp_path / "part.tif", "r+") as raster:
            mask = np.full((f.H, f.W), 255, np.uint8)
            mask[0, 0] = 0
            raster.write_mask(mask)
    masked = source("part.tif").replace("<SourceBand>1", "<SourceBand>mask,1")
    head = f'<MaskBand><VRTRasterBand dataType="Byte">{masked}</VRTRasterBand></MaskBand>'
    stored = readers.read(vrt(tmp_path / "scene.vrt", *(source("part.tif", n) for n in (1, 2)), head=head), "cube")
    assert stored.mask is not None
    assert np.argwhere(~stored.mask).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("name", "relative"),
    [
        ("../part.tif", 1),
        ("/etc/passwd", 0),
        ("link.tif", 1),
        ("linked/part.tif", 1),
        ("missing.tif", 1),
        ("part.tif", 0),
        ("", 1),
        ("/vsizip/part.zip", 0),
        ("/vsimem/part.tif", 0),
        ("NETCDF:part.nc:cube", 0),
        ("vrt://part.tif", 1),
        ("fifo.tif", 1),
        ("nested.vrt", 1),
        ("nested.tif", 1),
        ("fits.img", 1),
    ],
)
def test_a_part_of_a_vrt_lies_in_its_folder(tmp_path: Path, name: str, relative: int) -> None:
    (tmp_path / "scene").mkdir()
    f.tif(tmp_path / "part.tif", f.cube())
    folder = tmp_path / "scene"
    (folder / "link.tif").symlink_to(tmp_path / "part.tif")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "fifo.tif")
    f.tif(folder / "inner.tif", f.cube())
    for nested in ("nested.vrt", "nested.tif"):
        vrt(folder / nested, source("inner.tif"))
    (folder / "fits.img").write_bytes(b"SIMPLE  =                    T" + b" " * 2850)
    with pytest.raises(UserError, match="of a VRT are"):
        readers.read(vrt(folder / "scene.vrt", *(source(name, n, relative) for n in (1, 2, 3))), "cube")


@pytest.mark.parametrize("where", ["part", "nested", "mask", "image mask", "overview", "metadata", "place"])
def test_no_address_is_called(tmp_path: Path, server: socket.socket, where: str) -> None:
    far = source(f"/vsicurl/{_address(server)}", relative=0)
    path = f.tif(tmp_path / "part.tif", f.cube())
    scene = vrt(tmp_path / "scene.vrt", *(source("part.tif", n) for n in (1, 2, 3)))
    match where:
        case "part":
            vrt(scene, far, far, far)
        case "nested":
            vrt(path, far, far, far)
        case "mask":
            vrt(
                scene,
                *(source("part.tif", n) for n in (1, 2)),
                head=f"<MaskBand><VRTRasterBand>{far}</VRTRasterBand></MaskBand>",
            )
        case "image mask":
            scene = path
            vrt(tmp_path / "part.tif.msk", far)
        case "overview":
            scene = path
            vrt(tmp_path / "part.tif.ovr", far, far)
        case "metadata":
            scene = path
            named = f'<MDI key="OVERVIEW_FILE">/vsicurl/{_address(server)}</MDI>'
            (tmp_path / "part.tif.aux.xml").write_text(
                f'<PAMDataset><SRS>{_address(server)}</SRS><Metadata domain="OVERVIEWS">{named}</Metadata></PAMDataset>'
            )
        case "place":
            head = f"<SRS>{_address(server)}</SRS>"
            vrt(scene, *(source("part.tif", n) for n in (1, 2, 3)), head=head)
    if where in ("overview", "place"):
        np.testing.assert_array_equal(readers.read(scene, "cube").array[..., :3], f.cube()[..., :3])
    else:
        with pytest.raises(UserError):
            readers.read(scene, "cube")
    assert _nobody_called(server)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + text, "document type"),
        (lambda text: text.replace("<VRTDataset", '<VRTDataset subClass="VRTWarpedDataset"'), "subClass"),
        (lambda text: text.replace("<VRTRasterBand", '<VRTRasterBand subClass="VRTDerivedRasterBand"', 1), "subClass"),
        (lambda text: text.replace("<SourceBand>", "<OpenOptions/><SourceBand>", 1), "OpenOptions"),
        (lambda text: text.replace("SimpleSource", "KernelFilteredSource"), "KernelFilteredSource"),
        (lambda text: text.replace("<SourceBand>1", "<SourceBand>../x"), "SourceBand"),
        (lambda text: text.replace("</SourceBand>", f"</SourceBand>{SHRUNK}", 1), "resolution"),
        (lambda text: text[:-5], "no XML"),
        (lambda text: text.replace("VRTDataset", "GDALTileIndexDataset"), "GDALTileIndexDataset"),
        (lambda text: "<a>" * 3_000_000, "at most"),
    ],
)  # fmt: skip
def test_a_vrt_of_anything_else_is_refused_by_name(tmp_path: Path, change, named: str) -> None:  # type: ignore[no-untyped-def]
    f.tif(tmp_path / "part.tif", f.cube())
    path = vrt(tmp_path / "scene.vrt", *(source("part.tif", n) for n in (1, 2, 3)))
    readers.read(path, "cube")
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=named):
        readers.read(path, "cube")


def test_the_parts_of_a_vrt_are_inputs(tmp_path: Path) -> None:
    f.tif(tmp_path / "part.tif", f.cube())
    scene = SceneSource(dataset=str(vrt(tmp_path / "scene.vrt", source("part.tif"))))
    with pytest.raises(UserError, match="onto the scene"):
        claim([tmp_path / "part.tif"], scene, overwrite=True)


def test_what_lies_beside_an_image_is_read_with_it(tmp_path: Path) -> None:
    path = f.tif(tmp_path / "scene.tif", f.cube())
    mask = np.full((f.H, f.W), 255, np.uint8)
    mask[0, 0] = 0
    f.tif(tmp_path / "scene.tif.msk", mask)
    with rasterio.open(tmp_path / "scene.tif.msk", "r+") as raster:
        raster.update_tags(INTERNAL_MASK_FLAGS_1=2)
    stored = readers.read(path, "cube")
    assert stored.mask is not None
    assert np.argwhere(~stored.mask).tolist() == [[0, 0]]
    (tmp_path / "scene.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>3</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    assert readers.read(path, "cube").nodata == 3


def test_an_erdas_file_beside_an_image_is_not_read_and_said(tmp_path: Path) -> None:
    path = f.tif(tmp_path / "scene.tif", f.cube())
    shape = {"count": 5, "height": f.H, "width": f.W, "dtype": "uint16", "nodata": 3}
    with rasterio.open(tmp_path / "scene.aux", "w", driver="HFA", **shape) as raster:
        raster.write(f.cube().transpose(2, 0, 1))
    stored = readers.read(path, "cube")
    assert stored.nodata is None
    assert any("scene.aux beside it is not read" in note for note in stored.notes)


@pytest.mark.parametrize("name", ["scene.tif.aux.xml", "scene.tif.msk", "scene.tfw", "scene.tif"])
def test_a_pipe_beside_an_image_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    if name != "scene.tif":
        f.tif(tmp_path / "scene.tif", f.cube())
    os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="a pipe"):
        readers.read(tmp_path / "scene.tif", "cube")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux alone has files that fail when they are read")
def test_a_file_that_cannot_be_read_though_it_looks_like_one(tmp_path: Path) -> None:
    for name in ("scene", "scene.tif", "scene.vrt", "scene.hdr", "scene.mat", "scene.npy", "scene.npz"):
        (tmp_path / name).symlink_to("/proc/self/mem")
        with pytest.raises(UserError):
            readers.read(tmp_path / name, "cube")
        (tmp_path / name).unlink()


@pytest.mark.parametrize("how", ["external", "virtual", "link"])
def test_a_matlab_file_that_reads_another_file_is_refused(tmp_path: Path, how: str) -> None:
    (tmp_path / SECRET).write_bytes(bytes(range(210)))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["cube"] = f.cube()
    with h5py.File(tmp_path / "scene.mat", "w") as file:
        match how:
            case "external":
                stored = [(str(tmp_path / SECRET), 0, 210)]
                file.create_dataset("cube", shape=(5, 6, 7), dtype="u1", external=stored)
            case "virtual":
                layout = h5py.VirtualLayout((7, 6, 5), "u2")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "cube", (7, 6, 5))
                file.create_virtual_dataset("cube", layout)
            case "link":
                file["cube"] = h5py.ExternalLink("other.h5", "/cube")
    with pytest.raises(UserError, match="'cube', which is stored in another file"):
        readers.read(tmp_path / "scene.mat", "cube")
    with pytest.raises(UserError, match="'cube', which is stored in another file"):
        readers.read(tmp_path / "scene.mat", "cube", "cube")


@pytest.mark.parametrize("name", ["http://host/cube.tif", "s3://bucket/cube.tif", "/vsicurl/http://host/cube.tif",
                                  "zip://cube.zip!cube.tif", "/vsizip/cube.zip/cube.tif"])  # fmt: skip
def test_addresses_are_no_files(tmp_path: Path, name: str) -> None:
    for ask in (
        lambda: readers.read(Path(name), "cube"),
        lambda: SceneSource(dataset="scene.mat", labels=Path(name)),
        lambda: claim([Path(name)], SceneSource(dataset="demo"), overwrite=False),
    ):
        with pytest.raises(UserError, match=re.escape("on this machine")):
            ask()
