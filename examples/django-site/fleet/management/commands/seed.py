"""Fills an empty database with example rows; a second run changes nothing."""

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from django.db import transaction

from fleet.models import Document, Port, Ship

PORTS = {
    "Bristol": "England",
    "Bergen": "Norway",
    "Hamburg": "Germany",
    "Rotterdam": "Netherlands",
    "Valparaíso": "Chile",
}

# Name, home port, year of launch, deadweight and cargo in tonnes.
SHIPS = [
    ("Ada Lovelace", "Bristol", 2015, 28_400, 27_100),
    ("Cutty Wren", "Bristol", 1998, 4_200, 3_950),
    ("Fridtjof", "Bergen", 2003, 12_800, 6_400),
    ("Grace Hopper", "Hamburg", 2019, 62_500, 61_900),
    ("Heimdal", "Bergen", 1987, 7_600, 0),
    ("Isambard", "Bristol", 2008, 18_900, 12_250),
    ("Lange Jan", "Rotterdam", 2011, 35_300, 34_800),
    ("Mariposa", "Valparaíso", 2001, 9_700, 5_310),
    ("Nordstern", "Hamburg", 1994, 15_100, 14_020),
    ("Pampero", "Valparaíso", 2022, 48_000, 22_600),
    ("Samuel Plimsoll", "Bristol", 1873, 1_510, 1_510),
    ("Waterkant", "Rotterdam", 2017, 54_700, 40_300),
]

ADMIN_NAME = "admin"
ADMIN_PASSWORD = "plimsoll"  # for this example, which answers on localhost only

NOTICE = (
    "A ship loaded below her line is sent back to the quay.\n"
    "Merchant Shipping Act 1876, in the harbour master's words.\n"
)


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, *args, **options):
        ports = {
            name: Port.objects.get_or_create(name=name, defaults={"country": country})[0]
            for name, country in PORTS.items()
        }
        made = 0
        for name, home, launched, deadweight, cargo in SHIPS:
            _, is_new = Ship.objects.get_or_create(
                name=name,
                defaults={
                    "home": ports[home],
                    "launched": launched,
                    "deadweight_tonnes": deadweight,
                    "cargo_tonnes": cargo,
                },
            )
            made += is_new
        if not Document.objects.exists():
            data = NOTICE.encode()
            Document.objects.create(
                file=ContentFile(data, name="notice.txt"), name="notice.txt", size_bytes=len(data)
            )
        users = get_user_model().objects
        if not users.filter(username=ADMIN_NAME).exists():
            users.create_superuser(ADMIN_NAME, password=ADMIN_PASSWORD)
        self.stdout.write(f"Seeded: {made} new ships, {Ship.objects.count()} in all.")
