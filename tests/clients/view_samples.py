"""Results that the tests of the view give to it."""
from __future__ import annotations

from datetime import date, timedelta

from view_host import answered

SQL = "SELECT plate, driver_name AS driver, day, km, trips FROM somewhere"
INPUT = ("tool-input", {"arguments": {"sql": SQL}})
PLATES = [f"KD{chr(65 + n % 26)} {100 + 37 * n % 900}{chr(65 + n % 7)}" for n in range(40)]
LIST = [[plate, None if n % 9 == 4 else f"Driver {n}", f"2026-06-{1 + n % 30:02}", round(1000 / (n + 1), 1), n % 5] for n, plate in enumerate(PLATES)]
COLUMNS = ["plate text", "driver text", "day date", "km numeric", "trips int8"]
DAYS = [[str(date(2026, 6, 1) + timedelta(days=n)), 40 + n * 7 % 25, 30 + n * 5 % 20] for n in range(30)]
REGIONS = [[region, status, 3 + n * 5 % 11] for n, region in enumerate(["Nairobi", "Mombasa", "Kisumu"]) for status in ("breached", "at_risk", "within")]
FILLS = [[20 + n * 7 % 40, 100 + n * 31 % 700, f"KDA {n}"] for n in range(60)]


def point(lon: float, lat: float) -> dict:
    return {"type": "Point", "coordinates": [lon, lat]}


def square(lon: float, lat: float, size: float) -> dict:
    ring = [[lon, lat], [lon + size, lat], [lon + size, lat + size], [lon, lat + size], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


SITES = [[f"Site {n}", n * 3 % 17, point(34 + n % 7, -3 + n % 5)] for n in range(20)]
ROUTES = [[f"Route {n}", {"type": "LineString", "coordinates": [[36.8, -1.3], [36.9 + n / 9, -1.2 + n / 7], [39.6, -4]]}] for n in range(3)]
AREAS = [[f"Area {n}", n * 5 % 8, square(36.6 + n / 9, -1.4 + n / 13, 0.1)] for n in range(8)]
POINTS = answered(["site text", "incidents int8", "geom geometry"], SITES)
TABLE = answered(COLUMNS, LIST, title="Vehicles of the week")
LINE = answered(["day date", "opened int8", "closed int8"], DAYS, title="Incidents per day")
